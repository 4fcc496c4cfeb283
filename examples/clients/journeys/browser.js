// What a browser does with cookies, for clients that run in Node: keeps them, sends them, and forgets them in time.
export class Browser {
  #cookies = new Map();
  requests = [];

  constructor(site) {
    this.site = new URL(site).origin;
  }

  get cookies() {
    const now = Date.now();
    return [...this.#cookies].filter(([, { until }]) => until > now).map(([name]) => name);
  }

  fetch = async (url, options) => {
    const sent = this.cookies.map((name) => `${name}=${this.#cookies.get(name).value}`);
    const headers = new Headers(options.headers);
    headers.set("origin", this.site);
    headers.set("sec-fetch-site", "same-origin");
    if (sent.length && options.credentials !== "omit") headers.set("cookie", sent.join("; "));
    this.requests.push({ method: options.method, body: options.body && JSON.parse(options.body) });
    const answer = await fetch(url, { ...options, headers });
    for (const line of answer.headers.getSetCookie()) this.#keep(line);
    return answer;
  };

  #keep(line) {
    const [pair, ...rest] = line.split(";").map((part) => part.trim());
    const [name, value] = pair.split("=");
    const options = new Map(rest.map((part) => part.toLowerCase().split("=")));
    const host = options.has("secure") && options.get("path") === "/" && !options.has("domain");
    if (name.startsWith("__Host-") && !host) throw new Error(`a browser refuses ${line}`);
    const until = Date.now() + 1000 * Number(options.get("max-age"));
    this.#cookies.set(name, { value, until });
  }

  /** What 15 minutes do: the access cookie is gone, the others are not. */
  letAccessLapse() {
    this.#cookies.delete("__Host-consentql");
  }

  /** What an end of the session elsewhere does: the cookies are there, and work no more. */
  letSessionEnd() {
    for (const name of ["__Host-consentql", "__Host-consentql-refresh"]) this.#cookies.get(name).value = "ended";
  }
}
