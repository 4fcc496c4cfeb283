import assert from "node:assert/strict";
import { CONSENTS, GRANT, MEMBERS, POLICY, SIGN_IN, SIGN_OUT, VIEWER, WITHDRAW } from "../documents.js";
import { createClient } from "../urql.js";
import { Browser } from "./browser.js";
import { done, email, generated, granted, password, url } from "./steps.js";

const browser = new Browser(url);
let signedOut = 0;
const begin = () =>
  createClient({
    url,
    schema: generated("schema.json"),
    fetch: browser.fetch,
    onSignedOut: () => (signedOut += 1),
  });
let client = begin();
const data = ({ data, error }) => {
  if (error) throw error;
  return data;
};
const ask = async (query, variables = {}) => data(await client.query(query, variables, { requestPolicy: "network-only" }));
const act = async (mutation, variables = {}) => data(await client.mutation(mutation, variables));
const signIn = async (password) => (await act(SIGN_IN, { input: { email, password, transport: "COOKIE" } })).login;

assert.equal((await ask(VIEWER)).viewer.role, "ANONYMOUS");
assert.equal((await signIn("a wrong one")).code, "INVALID_CREDENTIALS");
assert.equal((await signIn(password)).viewer.role, "MEMBER");
client = begin(); // nothing that a visitor read is kept
assert.equal((await ask(VIEWER)).viewer.role, "MEMBER");
done("sign-in");

const first = await ask(MEMBERS, { first: 5 });
const second = await ask(MEMBERS, { first: 5, after: first.users.pageInfo.endCursor });
assert.equal(new Set(second.users.edges.map(({ node }) => node.id)).size, 10);
assert.equal(second.users.pageInfo.hasNextPage, true);
done("paging");

const seen = [];
const watching = client.query(CONSENTS, {}).subscribe(({ data }) => seen.push(granted(data.me.consents, "SOCIAL")));
const { policy } = await ask(POLICY);
const before = browser.requests.length;
await act(WITHDRAW, { purpose: "SOCIAL" });
await act(GRANT, { purpose: "SOCIAL", policyVersion: policy.version });
assert.deepEqual(seen, [true, false, true]);
assert.equal(browser.requests.length, before + 2);
watching.unsubscribe();
done("consent");

browser.letAccessLapse();
const [mine, others] = await Promise.all([ask(CONSENTS), ask(MEMBERS, { first: 1 })]);
assert.ok(mine.me && others.users);
assert.ok(browser.requests.some(({ body }) => body.operationName === "RefreshSession"));
done("refresh");

await act(SIGN_OUT);
client = begin();
assert.deepEqual(browser.cookies, ["__Host-consentql-device"]);
assert.equal((await ask(VIEWER)).viewer.role, "ANONYMOUS");
done("log-out");

await signIn(password);
assert.equal(signedOut, 0);
browser.letSessionEnd();
await assert.rejects(ask(CONSENTS), /The session has ended/);
assert.equal(signedOut, 1);
assert.deepEqual(browser.cookies, ["__Host-consentql-device"]);
assert.equal((await ask(VIEWER)).viewer.role, "ANONYMOUS");
done("session that ended");
