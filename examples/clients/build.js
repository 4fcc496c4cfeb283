// Reads generated/schema.graphql, which `consentql schema` prints, and writes what the caches need to know of it.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { InMemoryCache } from "@apollo/client";
import { buildSchema, introspectionFromSchema, isAbstractType, print } from "graphql";
import * as documents from "./documents.js";

const file = (name) => new URL(`generated/${name}`, import.meta.url);
const schema = buildSchema(readFileSync(file("schema.graphql"), "utf8"));

//#region possible-types
const abstract = Object.values(schema.getTypeMap()).filter(isAbstractType);
const possibleTypes = Object.fromEntries(
  abstract.map((type) => [type.name, schema.getPossibleTypes(type).map((each) => each.name)]),
);
writeFileSync(file("possible-types.json"), JSON.stringify(possibleTypes));
writeFileSync(file("schema.json"), JSON.stringify(introspectionFromSchema(schema, { descriptions: false })));
//#endregion

//#region trusted-documents
const cache = new InMemoryCache(); // it adds `__typename`
const texts = Object.values(documents).map((document) => print(cache.transformDocument(document)));
const trusted = texts.map((text) => [createHash("sha256").update(text).digest("hex"), text]);
writeFileSync(file("documents.json"), JSON.stringify(Object.fromEntries(trusted)));
rmSync(file("relay"), { recursive: true, force: true }); // the compiler lists only what it compiles
mkdirSync(file("relay"));
//#endregion
