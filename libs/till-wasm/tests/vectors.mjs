// Asks the module what the vectors ask, and compares: node vectors.mjs MODULE FOLDER

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { engine } from "../till.mjs";

const [module, folder] = process.argv.slice(2);
const { price } = await engine(readFileSync(module));
const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
for (const name of files) {
  const { input, output } = JSON.parse(readFileSync(join(folder, name), "utf8"));
  assert.deepEqual(JSON.parse(price(JSON.stringify(input))), output, name);
}
assert.equal(JSON.parse(price("{")).refused.code, "malformed");
console.log(`${files.length} vectors agree`);
