// A mobile app, in the JavaScript of React Native. It keeps its tokens in the system's keychain.

const SIGN_IN = `mutation SignIn($input: LoginInput!) {
  login(input: $input) {
    __typename
    ... on SignedIn { accessToken refreshToken deviceToken }
    ... on TotpRequired { challenge }
    ... on Refusal { code message retryAfterSeconds }
  }
}`;
const REFRESH = `mutation Refresh($token: String!) {
  refreshSession(refreshToken: $token) {
    ... on SignedIn { accessToken refreshToken }
    ... on Refusal { code }
  }
}`;

export class Session {
  #accessToken = null;
  #refreshing = null;

  /** `keychain` has `read(name)`, `write(name, value)` and `remove(name)`. */
  constructor(url, keychain, onSignedOut) {
    Object.assign(this, { url, keychain, onSignedOut });
  }

  async signIn(email, password) {
    const deviceToken = await this.keychain.read("device");
    const input = { email, password, deviceToken, client: "Example for phones" };
    const { data, errors } = (await this.#post(SIGN_IN, { input })).result;
    if (!data) throw new Error(errors[0].message);
    if (data.login.__typename === "SignedIn") await this.#keep(data.login);
    return data.login;
  }

  //#region refresh
  async ask(query, variables) {
    if (!this.#accessToken) await this.#refresh();
    const { status, result } = await this.#post(query, variables);
    if (status !== 401) return result;
    await this.#refresh();
    return this.#accessToken ? (await this.#post(query, variables)).result : result;
  }

  /** Requests that fail together wait for one refresh. */
  #refresh() {
    return (this.#refreshing ??= this.#next().finally(() => (this.#refreshing = null)));
  }

  async #next() {
    const token = await this.keychain.read("refresh");
    if (!token) return;
    this.#accessToken = null; // an expired access token would make this request a 401 too
    const { refreshSession } = (await this.#post(REFRESH, { token })).result.data ?? {};
    if (refreshSession?.accessToken) return this.#keep(refreshSession);
    if (refreshSession?.code !== "TOKEN_EXPIRED") {
      throw new Error("The session could not be refreshed. Try again later.");
    }
    await this.#forget();
    this.onSignedOut();
  }
  //#endregion

  async signOut() {
    try {
      await this.ask("mutation SignOut { logout }");
    } finally {
      await this.#forget();
    }
  }

  async #keep({ accessToken, refreshToken, deviceToken }) {
    this.#accessToken = accessToken;
    await this.keychain.write("refresh", refreshToken);
    if (deviceToken) await this.keychain.write("device", deviceToken);
  }

  async #forget() {
    this.#accessToken = null;
    await this.keychain.remove("refresh"); // the device token stays
  }

  async #post(query, variables) {
    const headers = { Accept: "application/graphql-response+json", "Content-Type": "application/json" };
    if (this.#accessToken) headers.Authorization = `Bearer ${this.#accessToken}`;
    const answer = await fetch(this.url, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
    return { status: answer.status, result: await answer.json() };
  }
}
