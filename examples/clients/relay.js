// A browser app with Relay and trusted documents. The session is in cookies that no script can read.
import { Environment, Network, RecordSource, Store } from "relay-runtime";
import REFRESH from "./generated/relay/AppRefreshMutation.graphql.js";

//#region network
function networkFor({ url, fetch, onSignedOut }) {
  const post = async ({ id, text }, variables) => {
    const answer = await fetch(url, {
      method: "POST",
      credentials: "include",
      headers: {
        Accept: "application/graphql-response+json",
        "Content-Type": "application/json",
        "X-ConsentQL-Client": "browser",
      },
      body: JSON.stringify(id ? { documentId: id, variables } : { query: text, variables }),
    });
    return { status: answer.status, result: await answer.json() };
  };
  let refreshing = null;
  const refresh = async () => {
    const { refreshSession } = (await post(REFRESH.params, {})).result.data ?? {};
    if (refreshSession?.code === "TOKEN_EXPIRED") onSignedOut();
    return refreshSession?.__typename === "SignedIn";
  };
  return async (request, variables) => {
    const { status, result } = await post(request, variables);
    if (status !== 401) return result;
    refreshing ??= refresh().finally(() => (refreshing = null));
    return (await refreshing) ? (await post(request, variables)).result : result;
  };
}
//#endregion

//#region ids
/** Their ids also name another object: a `User`, or a token in another type. */
const SHARED = new Set(["StaffMember", "RoleToken", "LiveToken"]);
export const getDataID = ({ id }, type) => (id && SHARED.has(type) ? `${type}:${id}` : id);
//#endregion

//#region environment
export const createEnvironment = (options) =>
  new Environment({
    network: Network.create(networkFor(options)),
    store: new Store(new RecordSource(), { getDataID }),
    getDataID,
  });
//#endregion
