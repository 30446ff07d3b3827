/*
 * node check.mjs SCHEMAS TYPE: reads a list of values from standard input
 * and prints, for each, what in it is not of that type: [] or some of it.
 */
import fs from "node:fs";
import Ajv from "ajv";

const [schemas, type] = process.argv.slice(2);
const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
const validate = ajv.compile(JSON.parse(fs.readFileSync(schemas))[type]);

/* Of a choice of types each complains: deepest is what was meant. */
function complaints(value) {
	if (validate(value))
		return [];
	const depth = (error) => error.instancePath.split("/").length;
	return validate.errors
		.sort((a, b) => depth(b) - depth(a))
		.slice(0, 8)
		.map((e) => `${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`);
}

const values = JSON.parse(fs.readFileSync(0));
process.stdout.write(JSON.stringify(values.map(complaints)));
