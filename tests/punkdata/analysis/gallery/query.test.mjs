import assert from "node:assert/strict";
import { test } from "node:test";
import { describeQueryProblem, getOnlyId } from "../../../../punkdata/analysis/gallery/page/data/query.js";
import { selectRows } from "../../../../punkdata/analysis/gallery/page/data/selection.js";
import { PARAMETERS } from "../../../../punkdata/analysis/gallery/page/data/state.js";
import { suggestLabels } from "../../../../punkdata/analysis/gallery/page/data/suggestions.js";
import { createState, createTestCollection } from "./collection.mjs";

const collection = createTestCollection();
const selectIds = (query, part = {}) =>
  selectRows(createState({ query, ...part }), collection, PARAMETERS).map((row) => collection.id[row]);
const suggest = (query) => suggestLabels(createState({ query }), collection, PARAMETERS);

const SELECTED = {
  "": [1, 2, 3, 5, 7, 9],
  alien: [3, 5],
  "ALIENS, males": [1, 2, 3, 5, 7, 9],
  mohawk: [1, 3, 7, 9],
  '"mohawk"': [3, 9],
  '"Mohawk Thin"': [1, 7],
  "mohawk thin": [1, 7],
  "moh thin": [1, 7],
  "a male with a mohawk and an earring": [7, 9],
  "male -earring": [1],
  "male without earring": [1],
  "male no mohawk thin": [2, 9],
  "mohawk thin or alien": [1, 3, 5, 7],
  "-mohawk -alien": [2],
  "m -": [1, 2, 3, 7, 9],
  "3, #1 and 2": [1, 2, 3],
  "male #3 #9": [9],
  "alien -3": [5],
  ">5eth": [5, 9],
  ">=10": [5, 9],
  "> 10 eth": [9],
  "-<=10eth": [9],
  "<10": [7],
  "10eth": [5],
  "0..10eth": [5, 7],
  "price>5": [5, 9],
  "without accessories": [5],
  "male no accessories": [],
  ">1,000": [],
  "mohawk>5": [9],
  "mohawk >": [1, 3, 7, 9],
  "rank<=2": [3, 5],
  "accessories=2 sales>0": [9],
  "alien ran": [3, 5],
  "0xAB": [1, 5, 9],
  "male 0xab…00": [1, 9],
  "owner=0xab": [1],
  "buyer=0xab": [9],
  "seller = 0xab": [5],
  "alien -0xab": [3],
  "0xabc": [],
  "alien unicorn": [],
  '"moh': [1, 3, 7, 9],
};
for (const [query, ids] of Object.entries(SELECTED))
  test(`the query ${query} selects ${ids.length ? ids : "nothing"}`, () => assert.deepEqual(selectIds(query), ids));

test("a query is combined with the filters, and uses their kind of price", () => {
  assert.deepEqual(selectIds("mohawk", { types: [0] }), [3]);
  assert.deepEqual(selectIds(">5", { price: "listing" }), []);
});

test("a query that matches nothing says why", () => {
  const describe = (query, c = collection) => describeQueryProblem(query, c);
  assert.equal(describe("alien eraring"), "No type or accessory is called “eraring”. Did you mean Earring?");
  assert.equal(describe("unicorn"), "No type or accessory is called “unicorn”.");
  assert.equal(describe("#77 #78"), "No punk in this snapshot has the number 77 or 78.");
  assert.equal(describe("#77 #9"), null);
  assert.equal(describe("alien earring"), null);
  const unpriced = { ...createTestCollection(null), noPricesHelp: "No prices." };
  for (const query of [">5eth", "price>5"]) assert.equal(describe(query, unpriced), "No prices.");
});

test("suggestions complete the last word and count what they would select", () => {
  assert.deepEqual(
    suggest("male mo").map(({ text, note, query }) => [text, note, query]),
    [
      ["Mohawk", "1", 'male "mohawk" '],
      ["Mohawk Thin", "2", "male mohawk thin "],
    ],
  );
  assert.deepEqual(suggest("-ear").map(({ text, query }) => [text, query]), [["without Earring", "-earring "]]);
  assert.deepEqual(suggest("eraring").map(({ text }) => text), ["Earring"]);
  for (const query of ["", "earring", "male ", ">5", "xyz"]) assert.deepEqual(suggest(query), [], query);
});

test("every suggestion selects its label only", () => {
  for (const [label, name] of collection.labelNames.entries()) {
    const [{ query }] = suggest(name.slice(0, -1).toLowerCase()).filter(({ text }) => text === name);
    const ids = collection.id.filter((_, row) => collection.labels[row].includes(label)).sort();
    assert.deepEqual(selectIds(query), ids, query);
  }
});

test("a query that is only a number opens its punk", () => {
  assert.equal(getOnlyId("#9", collection), 9);
  assert.equal(getOnlyId("punk 9", collection), 9);
  for (const query of ["9 3", "-9", "77", "alien", ""]) assert.equal(getOnlyId(query, collection), null);
});
