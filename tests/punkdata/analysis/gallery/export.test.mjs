import assert from "node:assert/strict";
import { test } from "node:test";
import { compareRows, COMPARE_PARAMETER, toggleCompared } from "../../../../punkdata/analysis/gallery/page/data/comparison.js";
import { writeCsv, writeJson } from "../../../../punkdata/analysis/gallery/page/data/export.js";
import { createTestCollection } from "./collection.mjs";

const collection = createTestCollection();

test("CSV has a line for each row in their order", () => {
  const scored = { ...createTestCollection(null), rarityScore: [6, 5, 4, 3, 2, 1] };
  const lines = writeCsv(scored, [2, 0]).split("\n");
  assert.deepEqual(lines, [
    "punk_id,type,accessories,accessory_count,hidden_accessories,split,split_by_id,rarity_score,rarity_rank",
    "9,Male,Mohawk|Earring,2,,val,train,4,3",
    "5,Alien,,0,,train,train,6,1",
    "",
  ]);
});

test("CSV quotes commas and quotation marks", () => {
  const odd = { ...createTestCollection(null), typeNames: ['A, "B"', "Male"] };
  assert.match(writeCsv(odd, [0]), /\n5,"A, ""B""",/);
});

test("JSON has lists, prices, and null for unknown values", () => {
  const [punk] = JSON.parse(writeJson({ ...collection, lastSoldAt: [null, null, 1e9] }, [2]));
  assert.deepEqual(punk.accessories, ["Mohawk", "Earring"]);
  assert.equal(punk.last_sold_at, "2001-09-09T01:46:40Z");
  assert.equal(punk.last_sale_eth, 60);
  assert.equal(punk.lowest_listing_eth, null);
});

test("a comparison has up to six different punks of the snapshot", () => {
  assert.deepEqual(COMPARE_PARAMETER.read("9,x,9,77,3", collection), [9, 3]);
  assert.deepEqual(toggleCompared([9, 3], 9), [3]);
  assert.deepEqual(toggleCompared([9], 3), [9, 3]);
  const full = [1, 2, 3, 4, 5, 6];
  assert.equal(toggleCompared(full, 7), full);
});

test("a comparison marks what is the same for all", () => {
  const pixels = collection.pixels.slice();
  pixels.fill(1, 2 * 576, 2 * 576 + 10);
  const lines = compareRows({ ...collection, pixels }, [1, 2]);
  const byName = Object.fromEntries(lines.map(({ name, ...line }) => [name, line]));
  assert.deepEqual(byName.Type, { values: ["Alien", "Male"], isSame: false });
  assert.deepEqual(byName.Mohawk, { values: ["✓", "✓"], isSame: true });
  assert.deepEqual(byName.Earring, { values: ["–", "✓"], isSame: false });
  assert.deepEqual(byName["Last sale"].values, ["–", "60 ETH"]);
  assert.deepEqual(byName["Pixels different from 3"].values, ["0", "10"]);
  assert.equal("Mohawk Thin" in byName, false);
});
