import assert from "node:assert/strict";
import { filter, firstValueFrom } from "rxjs";
import { createClient, nextPage, signIn, signOut } from "../apollo.js";
import { CONSENTS, GRANT, MEMBERS, POLICY, PURPOSES, VIEWER, WITHDRAW } from "../documents.js";
import { Browser } from "./browser.js";
import { done, email, generated, granted, password, url } from "./steps.js";

const browser = new Browser(url);
let signedOut = 0;
const client = createClient({
  url,
  possibleTypes: generated("possible-types.json"),
  fetch: browser.fetch,
  onSignedOut: () => (signedOut += 1),
});
const ask = async (query, variables) => (await client.query({ query, variables, fetchPolicy: "network-only" })).data;
const complete = (query) => firstValueFrom(query.pipe(filter(({ dataState }) => dataState === "complete")));

assert.equal((await ask(VIEWER)).viewer.role, "ANONYMOUS");
assert.equal((await signIn(client, email, "a wrong one")).code, "INVALID_CREDENTIALS");
assert.equal((await signIn(client, email, password)).viewer.role, "MEMBER");
assert.equal((await ask(VIEWER)).viewer.role, "MEMBER");
done("sign-in");

const members = client.watchQuery({ query: MEMBERS, variables: { first: 5 } });
await complete(members);
await nextPage(members);
const { edges, pageInfo } = members.getCurrentResult().data.users;
assert.equal(new Set(edges.map(({ node }) => node.id)).size, 10);
assert.equal(pageInfo.hasNextPage, true);
done("paging");

const seen = [];
const watched = client.watchQuery({ query: CONSENTS });
const watching = watched.subscribe(({ data }) => data?.me && seen.push(granted(data.me.consents, "SOCIAL")));
await complete(watched);
const before = browser.requests.length;
await client.mutate({ mutation: WITHDRAW, variables: { purpose: "SOCIAL" } });
const { policy } = await ask(POLICY);
await client.mutate({ mutation: GRANT, variables: { purpose: "SOCIAL", policyVersion: policy.version } });
assert.deepEqual(seen, [true, false, true]);
assert.equal(browser.requests.length, before + 3);
done("consent");

const { policy: purposes } = await ask(PURPOSES);
const parts = await client.query({ query: POLICY, fetchPolicy: "cache-only" });
assert.ok(purposes.purposes.length && parts.data.policy.version === policy.version);
done("two screens on one part");

browser.letAccessLapse();
const [mine, others] = await Promise.all([ask(CONSENTS), ask(MEMBERS, { first: 1 })]);
assert.ok(mine.me && others.users);
assert.ok(browser.requests.some(({ body }) => body.operationName === "RefreshSession"));
assert.ok(browser.requests.every(({ body }) => body.query === undefined));
done("refresh");

await signOut(client); // a screen with `me` is still mounted
assert.deepEqual(browser.cookies, ["__Host-consentql-device"]);
assert.deepEqual(client.extract(), {});
watching.unsubscribe();
assert.equal((await ask(VIEWER)).viewer.role, "ANONYMOUS");
done("log-out");

await signIn(client, email, password);
assert.equal(signedOut, 0);
browser.letSessionEnd();
await assert.rejects(ask(CONSENTS));
assert.equal(signedOut, 1);
assert.deepEqual(browser.cookies, ["__Host-consentql-device"]);
assert.equal((await ask(VIEWER)).viewer.role, "ANONYMOUS");

await signIn(client, email, password);
await ask(CONSENTS);
browser.letSessionEnd();
await assert.rejects(signOut(client));
assert.deepEqual(client.extract(), {});
assert.equal(signedOut, 2);
done("session that ended");
client.stop();
