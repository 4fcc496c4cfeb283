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
    return answer.json();
  };
  let refreshing = null;
  const refresh = async () => {
    const { data } = await post(REFRESH.params, {});
    if (data?.refreshSession?.code === "TOKEN_EXPIRED") onSignedOut();
    return data?.refreshSession?.__typename === "SignedIn";
  };
  return async (request, variables) => {
    const answer = await post(request, variables);
    if (!answer.errors?.some(({ extensions }) => extensions.code === "UNAUTHENTICATED")) return answer;
    refreshing ??= refresh().finally(() => (refreshing = null));
    return (await refreshing) ? post(request, variables) : answer;
  };
}
//#endregion

export const createEnvironment = (options) =>
  new Environment({ network: Network.create(networkFor(options)), store: new Store(new RecordSource()) });
