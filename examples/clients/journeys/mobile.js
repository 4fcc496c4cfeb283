import assert from "node:assert/strict";
import { Session } from "../mobile.js";
import { done, email, granted, password, toldToGoOn, url } from "./steps.js";

const kept = new Map();
const keychain = {
  read: async (name) => kept.get(name) ?? null,
  write: async (name, value) => void kept.set(name, value),
  remove: async (name) => void kept.delete(name),
};
let signedOut = 0;
const begin = () => new Session(url, keychain, () => (signedOut += 1));
let session = begin();
const ask = async (query, variables) => {
  const { data, errors } = await session.ask(query, variables);
  assert.equal(errors, undefined);
  return data;
};
const CONSENTS = "{ me { consents { purpose granted } } }";
const MEMBERS = `query Members($after: String) {
  users(first: 5, after: $after) { edges { node { id } } pageInfo { hasNextPage endCursor } }
}`;

assert.equal((await ask("{ viewer { role } }")).viewer.role, "ANONYMOUS");
assert.equal((await session.signIn(email, "a wrong one")).code, "INVALID_CREDENTIALS");
assert.equal((await session.signIn(email, password)).__typename, "SignedIn");
assert.equal((await ask("{ viewer { role } }")).viewer.role, "MEMBER");
assert.deepEqual([...kept.keys()], ["refresh", "device"]);
done("sign-in");

const { users: first } = await ask(MEMBERS);
const { users: second } = await ask(MEMBERS, { after: first.pageInfo.endCursor });
assert.equal(new Set([...first.edges, ...second.edges].map(({ node }) => node.id)).size, 10);
assert.equal(second.pageInfo.hasNextPage, true);
done("paging");

const { policy } = await ask("{ policy { version } }");
await ask("mutation { withdrawConsent(purpose: SOCIAL) { __typename } }");
assert.equal(granted((await ask(CONSENTS)).me.consents, "SOCIAL"), false);
const GRANT = "mutation Grant($version: String!) { grantConsent(purpose: SOCIAL, policyVersion: $version) { __typename } }";
await ask(GRANT, { version: policy.version });
assert.equal(granted((await ask(CONSENTS)).me.consents, "SOCIAL"), true);
done("consent");

const before = kept.get("refresh");
await toldToGoOn("lapse");
const both = await Promise.all([ask("{ me { id } }"), ask("{ viewer { role } }")]);
assert.ok(both[0].me.id && both[1].viewer.role === "MEMBER");
assert.notEqual(kept.get("refresh"), before);
session = begin(); // the app is started again
assert.equal((await ask("{ viewer { role } }")).viewer.role, "MEMBER");
done("refresh");

await toldToGoOn("lapse");
const { fetch } = globalThis;
const refused = { errors: [{ message: "Too many requests.", extensions: { code: "RATE_LIMITED" } }] };
globalThis.fetch = async (address, options) =>
  JSON.parse(options.body).query.includes("refreshSession")
    ? Response.json(refused, { status: 429 })
    : fetch(address, options);
await assert.rejects(session.ask("{ viewer { role } }"), /Try again later/);
await assert.rejects(session.ask("{ viewer { role } }"), /Try again later/);
globalThis.fetch = async () => Response.json(refused, { status: 429 });
await assert.rejects(session.signIn(email, password), /Too many requests/);
globalThis.fetch = fetch;
assert.equal((await ask("{ viewer { role } }")).viewer.role, "MEMBER");
done("refresh that is not answered");

await session.signOut();
assert.deepEqual([...kept.keys()], ["device"]);
assert.equal((await ask("{ viewer { role } }")).viewer.role, "ANONYMOUS");
assert.equal(signedOut, 0);
done("log-out");

await session.signIn(email, password);
globalThis.fetch = async () => Promise.reject(new TypeError("fetch failed"));
await assert.rejects(session.signOut(), /fetch failed/);
assert.deepEqual([...kept.keys()], ["device"]);
globalThis.fetch = fetch;
done("log-out without a network");

await session.signIn(email, password);
await toldToGoOn("end");
assert.equal((await session.ask("{ me { id } }")).errors[0].extensions.code, "UNAUTHENTICATED");
assert.equal(signedOut, 1);
assert.deepEqual([...kept.keys()], ["device"]);
done("session that ended");
