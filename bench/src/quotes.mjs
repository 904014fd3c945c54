// Prices one basket again and again: node quotes.mjs ENGINE MODULE BOOK_AND_BASKET BASKET SECONDS. Prints calls per second.

import { readFileSync } from "node:fs";

const [engineFile, module, first, again, seconds] = process.argv.slice(2);
const { engine } = await import(engineFile);
const { price } = await engine(readFileSync(module));
if (!JSON.parse(price(readFileSync(first, "utf8"))).priced) throw new Error("the basket is refused");
const question = readFileSync(again, "utf8");
const measure = (milliseconds) => {
  const begin = performance.now();
  let calls = 0;
  while (performance.now() - begin < milliseconds) {
    price(question);
    calls += 1;
  }
  return (calls * 1000) / (performance.now() - begin);
};
measure(500); // until it is compiled
console.log(measure(Number(seconds) * 1000));
