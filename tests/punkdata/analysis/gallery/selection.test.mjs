import assert from "node:assert/strict";
import { test } from "node:test";
import { readAddress, writeAddress } from "../../../../punkdata/analysis/gallery/page/data/address.js";
import { countChoices, selectRows } from "../../../../punkdata/analysis/gallery/page/data/selection.js";
import { clearFilters, isFiltered, PARAMETERS } from "../../../../punkdata/analysis/gallery/page/data/state.js";
import { createState, createTestCollection } from "./collection.mjs";

const collection = createTestCollection();
const selectIds = (part) =>
  selectRows(createState(part), collection, PARAMETERS).map((row) => collection.id[row]);

test("each filter selects the punks that match", () => {
  assert.deepEqual(selectIds({}), [1, 2, 3, 5, 7, 9]);
  assert.deepEqual(selectIds({ types: [0] }), [3, 5]);
  assert.deepEqual(selectIds({ accessories: [2, 4] }), [9]);
  assert.deepEqual(selectIds({ accessories: [2, 3], matchAny: true }), [1, 3, 7, 9]);
  assert.deepEqual(selectIds({ count: [2, null] }), [7, 9]);
  assert.deepEqual(selectIds({ count: [null, 0] }), [5]);
  assert.deepEqual(selectIds({ eth: [0, 20] }), [5, 7]);
  assert.deepEqual(selectIds({ split: "val", ids: [9, 2] }), [9]);
});

test("unknown values come last in both directions", () => {
  assert.deepEqual(selectIds({ sort: "last" }), [7, 5, 9, 1, 2, 3]);
  assert.deepEqual(selectIds({ sort: "-last" }), [9, 5, 7, 1, 2, 3]);
});

test("counts ignore the filter of their own group if it has alternatives", () => {
  const state = createState({ types: [0] });
  const rows = selectRows(state, collection, PARAMETERS);
  assert.deepEqual(countChoices(state, collection, PARAMETERS, rows), [2, 4, 1, 0, 0]);
});

test("the address holds every parameter, also those of views", () => {
  const zoom = { key: "zoom", initial: 1, read: (text) => (text === "2" ? 2 : null) };
  const parameters = { ...PARAMETERS, zoom };
  const part = { types: [0], accessories: [4, 2], matchAny: true, count: [1, null], eth: [null, 0.5] };
  const rest = { price: "highest", split: "test", ids: [5, 3], sort: "-last", size: 4, punk: 9, zoom: 2 };
  const state = createState({ ...part, ...rest }, parameters);
  const address = writeAddress(state, collection, parameters);
  assert.deepEqual(readAddress(address, collection, parameters), state);
  assert.equal(writeAddress(createState({}, parameters), collection, parameters), "#");
});

test("values that are not valid are ignored", () => {
  const address = "#type=Robot,Alien&count=9..&eth=-1..x&sort=luck&size=99&punk=4&split=a&price=__proto__";
  assert.deepEqual(readAddress(address, collection, PARAMETERS), createState({ types: [0] }));
  const state = readAddress("#eth=1..&sort=last", createTestCollection(null), PARAMETERS);
  assert.deepEqual(state, createState());
});

test("clearing resets the filters and keeps the order", () => {
  const state = createState({ types: [0], matchAny: true, price: "highest", sort: "rank" });
  assert.ok(isFiltered(state, PARAMETERS));
  assert.deepEqual(clearFilters(state, PARAMETERS), createState({ sort: "rank" }));
});
