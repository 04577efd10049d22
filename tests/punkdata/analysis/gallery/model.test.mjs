import assert from "node:assert/strict";
import { test } from "node:test";
import { readAddress } from "../../../../punkdata/analysis/gallery/page/data/address.js";
import { writeCsv } from "../../../../punkdata/analysis/gallery/page/data/export.js";
import { selectRows } from "../../../../punkdata/analysis/gallery/page/data/selection.js";
import { isSortAvailable, PARAMETERS } from "../../../../punkdata/analysis/gallery/page/data/state.js";
import { createColoring } from "../../../../punkdata/analysis/gallery/page/map/colors.js";
import { describeAccuracy, listPredicted } from "../../../../punkdata/analysis/gallery/page/model/predictions.js";
import { createState, createTestCollection } from "./collection.mjs";

const predictions = {
  model: "00001-classifier-quick",
  wrong: [[], [3], [], [], [2], []],
  missed: [[], [], [4], [], [], []],
  confidence: [0.9999, 0.6, 0.7, 1, 0.8, 0.95],
  split: [0, 0, 1, 1, 2, -1],
  splitScheme: "default",
  typesOnly: false,
};
const collection = { ...createTestCollection(null), predictions };
const selectIds = (part) =>
  selectRows(createState(part), collection, PARAMETERS).map((row) => collection.id[row]);

test("punks are selected by the result of the model", () => {
  assert.deepEqual(selectIds({ model: "wrong" }), [3, 7, 9]);
  assert.deepEqual(selectIds({ model: "right" }), [1, 2, 5]);
  assert.deepEqual(selectIds({ model: "unseen" }), [7, 9]);
  assert.deepEqual(selectIds({ sort: "confidence" }), [3, 9, 7, 2, 5, 1]);
});

test("a page without predictions ignores them in the address", () => {
  const unpredicted = createTestCollection(null);
  assert.equal(unpredicted.predictions, null);
  assert.deepEqual(readAddress("#model=wrong&sort=confidence", unpredicted, PARAMETERS), createState());
  assert.equal(readAddress("#model=wrong", collection, PARAMETERS).model, "wrong");
  assert.ok(isSortAvailable(collection, "confidence") && !isSortAvailable(collection, "last"));
});

test("predicted labels are those of the punk, without missed and hidden ones, and wrong ones", () => {
  const list = (row, c = collection) => listPredicted(c, row).map(({ label, isCorrect }) => (isCorrect ? label : -label));
  assert.deepEqual(list(1), [0, 2, -3]);
  assert.deepEqual(list(2), [1, 2]);
  assert.deepEqual(list(2, { ...collection, hiddenAccessories: [[], [], [0], [], [], []] }), [1]);
  assert.deepEqual(list(4, { ...collection, predictions: { ...predictions, typesOnly: true, wrong: [[], [], [], [], [], []] } }), [1]);
});

test("accuracy is counted by split, without unused punks", () => {
  assert.deepEqual(describeAccuracy(collection, ["train", "val", "test"]), [
    "1 of 2 in train", "1 of 2 in val", "0 of 1 in test",
  ]);
});

test("the map shows mistakes and the confidence", () => {
  assert.deepEqual([...createColoring("model", collection).classes], [255, 0, 1, 255, 1, 255]);
  assert.deepEqual([...createColoring("confidence", collection).classes], [3, 0, 0, 4, 0, 1]);
});

test("the export has the mistakes", () => {
  const [head, line] = writeCsv(collection, [2]).split("\n");
  assert.match(head, /,predicted_wrong,predicted_missed,confidence$/);
  assert.match(line, /,,Earring,0.7$/);
});
