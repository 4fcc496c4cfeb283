// What every journey is given, and how it speaks with the test that runs it.
import { once } from "node:events";
import { readFileSync } from "node:fs";

export const { API: url, EMAIL: email, PASSWORD: password } = process.env;
export const generated = (name) => JSON.parse(readFileSync(new URL(`../generated/${name}`, import.meta.url), "utf8"));
export const granted = (consents, purpose) => consents.find((each) => each.purpose === purpose).granted;
export const done = (step) => console.log(step);

/** Asks the test for something that happens at the server, and waits until it is done. */
export async function toldToGoOn(what) {
  done(what);
  process.stdin.resume();
  await once(process.stdin, "data");
  process.stdin.pause(); // so that the journey can end
}
