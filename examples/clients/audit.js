// Prints each audit of graphql-http that does not end with `ok`, as `status id name`.
import { auditServer } from "graphql-http";

const results = await auditServer({ url: process.env.API });
for (const { status, id, name } of results) if (status !== "ok") console.log(status, id, name);
console.log("audits", results.length);
