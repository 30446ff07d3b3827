/* node make.mjs TYPE...: the JSON Schema of each of types.ts, as one object. */
import path from "node:path";
import { createGenerator } from "ts-json-schema-generator";

const here = import.meta.dirname;
const generator = createGenerator({
	path: path.join(here, "types.ts"),
	tsconfig: path.join(here, "tsconfig.json"),
	skipTypeCheck: true,
});
const schemas = {};

for (const type of process.argv.slice(2))
	schemas[type] = generator.createSchema(type);
process.stdout.write(JSON.stringify(schemas));
