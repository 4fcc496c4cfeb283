// A browser app with urql and its normalized cache. The session is in cookies that no script can read.
import { Client, fetchExchange } from "@urql/core";
import { authExchange } from "@urql/exchange-auth";
import { cacheExchange } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import { REFRESH } from "./documents.js";

//#region cache
function cacheFor(schema) {
  const objects = schema.__schema.types.filter(({ kind }) => kind === "OBJECT");
  const parts = objects.filter(({ fields }) => !fields.some(({ name }) => name === "id"));
  return cacheExchange({
    schema,
    keys: Object.fromEntries(parts.map(({ name }) => [name, () => null])),
    resolvers: {
      Query: { users: relayPagination(), supportCases: relayPagination() },
      Account: { disclosures: relayPagination(), consentHistory: relayPagination() },
    },
  });
}
//#endregion

//#region refresh
const refreshExchange = (onSignedOut) =>
  authExchange(async ({ mutate }) => ({
    addAuthToOperation: (operation) => operation,
    didAuthError: ({ response }) => response?.status === 401,
    async refreshAuth() {
      const { data, error } = await mutate(REFRESH, {});
      if (data?.refreshSession.__typename === "SignedIn") return;
      if (data?.refreshSession.code === "TOKEN_EXPIRED") onSignedOut();
      throw error ?? new Error("The session has ended."); // else the query is repeated as a visitor
    },
  }));
//#endregion

//#region client
export const createClient = ({ url, schema, fetch, onSignedOut }) =>
  new Client({
    url,
    fetch,
    preferGetMethod: false,
    fetchOptions: { credentials: "include", headers: { "X-ConsentQL-Client": "browser" } },
    exchanges: [cacheFor(schema), refreshExchange(onSignedOut), fetchExchange],
  });
//#endregion
