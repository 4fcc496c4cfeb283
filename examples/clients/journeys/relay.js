import assert from "node:assert/strict";
import { commitMutation, createOperationDescriptor, fetchQuery } from "relay-runtime";
import { createEnvironment, getDataID } from "../relay.js";
import { Browser } from "./browser.js";
import { done, email, generated, granted, password, url } from "./steps.js";

const artifact = async (name) => (await import(`../generated/relay/App${name}.graphql.js`)).default;
const browser = new Browser(url);
let signedOut = 0;
const begin = () => createEnvironment({ url, fetch: browser.fetch, onSignedOut: () => (signedOut += 1) });
let environment = begin();
const ask = async (name, variables = {}) =>
  fetchQuery(environment, await artifact(`${name}Query`), variables, { fetchPolicy: "network-only" }).toPromise();
const act = async (name, variables = {}) => {
  const mutation = await artifact(`${name}Mutation`);
  return new Promise((onCompleted, onError) =>
    commitMutation(environment, { mutation, variables, onCompleted, onError }),
  );
};
/** Keeps a query's records in the store, as a mounted component does. */
const hold = async (name, variables = {}) => {
  const operation = createOperationDescriptor(await artifact(`${name}Query`), variables);
  environment.retain(operation);
  return operation.fragment;
};
const signIn = async (password) => (await act("SignIn", { input: { email, password, transport: "COOKIE" } })).login;

assert.equal((await ask("Viewer")).viewer.role, "ANONYMOUS");
assert.equal((await signIn("a wrong one")).code, "INVALID_CREDENTIALS");
assert.equal((await signIn(password)).viewer.role, "MEMBER");
environment = begin(); // nothing that a visitor read is kept
assert.equal((await ask("Viewer")).viewer.role, "MEMBER");
done("sign-in");

const list = await hold("Members", { first: 5 });
const { users } = await ask("Members", { first: 5 });
await ask("Members", { first: 5, after: users.pageInfo.endCursor });
const { edges, pageInfo } = environment.lookup(list).data.users;
assert.equal(new Set(edges.map(({ node }) => node.id)).size, 10);
assert.equal(pageInfo.hasNextPage, true);
done("paging");

const seen = [];
const consents = await hold("Consents");
await ask("Consents");
const note = ({ data }) => seen.push(granted(data.me.consents, "SOCIAL"));
const snapshot = environment.lookup(consents);
note(snapshot);
environment.subscribe(snapshot, note);
const { policy } = await ask("Policy");
const before = browser.requests.length;
await act("Withdraw", { purpose: "SOCIAL" });
await act("Grant", { purpose: "SOCIAL", policyVersion: policy.version });
assert.deepEqual(seen, [true, false, true]);
assert.equal(browser.requests.length, before + 2);
done("consent");

const ids = ["User", "StaffMember", "RoleToken", "LiveToken"].map((type) => getDataID({ id: "1" }, type));
assert.equal(new Set(ids).size, 4);
assert.equal(getDataID({ id: "1" }, "Account"), "1");
assert.equal(getDataID({}, "StaffMember"), undefined);
done("ids of two types");

browser.letAccessLapse();
const [mine, others] = await Promise.all([ask("Consents"), ask("Members", { first: 1 })]);
assert.ok(mine.me && others.users);
const documents = generated("documents.json");
const sent = browser.requests.map(({ body }) => body.query ?? documents[body.documentId]);
assert.ok(sent.some((text) => text.startsWith("mutation AppRefreshMutation")));
assert.ok(browser.requests.every(({ body }) => Boolean(body.documentId) === (process.env.SENDS !== "texts")));
done("refresh");

await act("SignOut");
environment = begin();
assert.deepEqual(browser.cookies, ["__Host-consentql-device"]);
assert.equal((await ask("Viewer")).viewer.role, "ANONYMOUS");
done("log-out");

await signIn(password);
assert.equal(signedOut, 0);
browser.letSessionEnd();
await assert.rejects(ask("Consents"));
assert.equal(signedOut, 1);
assert.deepEqual(browser.cookies, ["__Host-consentql-device"]);
assert.equal((await ask("Viewer")).viewer.role, "ANONYMOUS");
done("session that ended");
