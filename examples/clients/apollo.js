// A browser app with Apollo Client 4. The session is in cookies that no script can read.
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache } from "@apollo/client";
import { ErrorLink } from "@apollo/client/link/error";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { relayStylePagination } from "@apollo/client/utilities";
import { from, mergeMap, throwError } from "rxjs";
import { REFRESH, SIGN_IN, SIGN_OUT } from "./documents.js";

//#region cache
const cacheFor = (possibleTypes) =>
  new InMemoryCache({
    possibleTypes,
    typePolicies: {
      Query: { fields: { users: relayStylePagination(["search"]), supportCases: relayStylePagination() } },
      Account: { fields: { disclosures: relayStylePagination(), consentHistory: relayStylePagination() } },
      Policy: { merge: true }, // objects without an id: two screens may ask for different fields of one
      Place: { merge: true },
      PreRegistration: { merge: true },
    },
  });
//#endregion

//#region refresh
const isUnauthenticated = (error) =>
  CombinedGraphQLErrors.is(error) && !error.data && error.errors[0].extensions.code === "UNAUTHENTICATED";

function refreshLink(refresh) {
  let refreshing = null;
  return new ErrorLink(({ error, operation, forward }) => {
    if (!isUnauthenticated(error)) return;
    refreshing ??= refresh().finally(() => (refreshing = null));
    return from(refreshing).pipe(mergeMap((done) => (done ? forward(operation) : throwError(() => error))));
  });
}
//#endregion

//#region trusted-documents
const sha256 = async (text) => {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
};
const byId = new PersistedQueryLink({ sha256 });
//#endregion

//#region client
export function createClient({ url, possibleTypes, fetch, onSignedOut }) {
  const headers = { "X-ConsentQL-Client": "browser" };
  const http = byId.concat(new HttpLink({ uri: url, credentials: "include", headers, fetch }));
  const plain = new ApolloClient({ cache: new InMemoryCache(), link: http });
  const refresh = async () => {
    const { data } = await plain.mutate({ mutation: REFRESH, fetchPolicy: "no-cache" });
    if (data.refreshSession.code === "TOKEN_EXPIRED") onSignedOut();
    return data.refreshSession.__typename === "SignedIn";
  };
  return new ApolloClient({ cache: cacheFor(possibleTypes), link: ApolloLink.from([refreshLink(refresh), http]) });
}
//#endregion

//#region sign-in
export async function signIn(client, email, password) {
  const input = { email, password, transport: "COOKIE", client: "Example with Apollo" };
  const { data } = await client.mutate({ mutation: SIGN_IN, variables: { input }, fetchPolicy: "no-cache" });
  if (data.login.__typename === "SignedIn") await client.resetStore().catch(() => {}); // each query shows its own error
  return data.login;
}

export async function signOut(client) {
  try {
    await client.mutate({ mutation: SIGN_OUT, fetchPolicy: "no-cache" });
  } finally {
    await client.clearStore(); // `resetStore` would ask the mounted queries again, as a visitor
  }
}
//#endregion

//#region pages
export async function nextPage(members) {
  const { endCursor } = members.getCurrentResult().data.users.pageInfo;
  return members.fetchMore({ variables: { after: endCursor } });
}
//#endregion
