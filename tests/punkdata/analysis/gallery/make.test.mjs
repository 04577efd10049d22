import assert from "node:assert/strict";
import { test } from "node:test";
import { computeRarity, convertPixels, describeNovelty } from "../../../../punkdata/analysis/gallery/page/make/comparison.js";
import * as outfits from "../../../../punkdata/analysis/gallery/page/make/outfits.js";
import { createRenderer, renderOutfit } from "../../../../punkdata/analysis/gallery/page/make/renderer.js";
import { findInvisible, findTones, sampleNewOutfit, sampleOutfit } from "../../../../punkdata/analysis/gallery/page/make/sampling.js";

const NUM_PIXELS = 576;
const SKIN_PIXEL = 23 * 24 + 9;
const rules = {
  typeNames: ["Alien", "Female", "Male"],
  accessoryNames: ["Cap", "Pipe", "Tiara", "Vape"],
  slots: [
    { name: "Hat or hair", accessories: [0, 2] },
    { name: "Mouthpiece", accessories: [1, 3] },
  ],
  allowed: [[0, 1, 3], [0, 1, 2, 3], [0, 1, 3]],
  maxWorn: 7,
  rendererPalette: ["00000000", "111111ff", "222222ff", "333333ff", "444444ff", "555555ff"],
};

/**
 * A renderer of two pixels that vary: pixel 0 is color 5 with a Cap unless there is a Pipe, and the skin
 * has the color 1 to 4 of its tone. Its 15 conditions are 3 types, 4 accessories twice, and 4 tones.
 */
function createSmallRenderer() {
  const numColors = new Uint8Array(NUM_PIXELS).fill(1);
  numColors[0] = 2;
  numColors[SKIN_PIXEL] = 5;
  const numPairs = NUM_PIXELS + 5;
  const colors = new Uint8Array(numPairs);
  const skin = SKIN_PIXEL + 1; // the first pair of the skin
  colors[1] = 5;
  colors.set([0, 1, 2, 3, 4], skin);
  const steps = new Int8Array(16 * numPairs);
  const setWeight = (condition, pair, weight) => (steps[(condition + 1) * numPairs + pair] = weight);
  steps[0] = 1; // the bias of the first color of pixel 0
  setWeight(3, 1, 10);
  setWeight(4, 1, -20);
  for (let tone = 1; tone <= 4; tone++) setWeight(10 + tone, skin + tone, 10);
  const bytes = new Uint8Array(NUM_PIXELS + 17 * numPairs);
  [numColors, colors, new Uint8Array(steps.buffer)].reduce((at, part) => {
    bytes.set(part, at);
    return at + part.length;
  }, 0);
  return createRenderer(bytes, rules);
}

const renderer = createSmallRenderer();
const paint = (outfit) => renderOutfit(renderer, { tone: 0, accessories: [], ...outfit });
const people = [
  { type: 2, tone: 3, accessories: [] },
  { type: 2, tone: 1, accessories: [0, 1] },
  { type: 0, tone: 0, accessories: [0] },
  { type: 1, tone: 4, accessories: [2] },
];
const collection = {
  ...rules,
  renderer,
  count: people.length,
  id: [10, 11, 12, 13],
  type: people.map(({ type }) => type),
  accessories: people.map(({ accessories }) => accessories),
  labels: people.map(({ type, accessories }) => [type, ...accessories.map((i) => 3 + i)]),
  labelNames: [...rules.typeNames, ...rules.accessoryNames],
  palette: rules.rendererPalette.toReversed(),
  pixels: Uint8Array.from(people.flatMap((outfit) => [...paint(outfit)]), (color) => 5 - color),
  rarityBits: [2, 2, 1, 1, 2, 2, 0],
  rarityCountBits: [2, 1, 2],
  rarityScore: [0.5, 1, 1.1, 1.4],
};
const tones = findTones(collection);
const createRandom = (state = 1) => () => (state = (state * 16807) % 2147483647) / 2147483647;

test("conditions add up, and the best color wins", () => {
  assert.equal(renderer.numTones, 4);
  assert.equal(paint({ type: 0 })[0], 0);
  assert.equal(paint({ type: 0, accessories: [0] })[0], 5);
  assert.equal(paint({ type: 0, accessories: [0, 1] })[0], 0);
  assert.equal(paint({ type: 2, tone: 3 })[SKIN_PIXEL], 3);
  assert.deepEqual(findInvisible(renderer, { type: 0, tone: 0, accessories: [0, 1] }), [0]);
});

test("skin tones are recognized by the color of the neck", () => {
  assert.deepEqual(tones, [3, 1, 0, 4]);
});

test("impossible accessories have a reason", () => {
  const male = { type: 2, tone: 2, accessories: [1] };
  assert.equal(outfits.findObstacle(rules, male, 0), null);
  assert.equal(outfits.findObstacle(rules, male, 2), "Tiara: only for the type Female.");
  const full = { ...rules, maxWorn: 1 };
  assert.equal(outfits.findObstacle(full, male, 0), "Cap: a punk has at most 1 accessory. Remove one first.");
  assert.equal(outfits.findObstacle(full, male, 3), null, "it replaces the one in its slot");
});

test("a slot has one accessory, and a new type loses what it cannot have", () => {
  const female = outfits.toggleAccessory(rules, { type: 1, tone: 4, accessories: [0, 1] }, 2);
  assert.deepEqual(female.accessories, [1, 2]);
  assert.deepEqual(outfits.toggleAccessory(rules, female, 1).accessories, [2]);
  assert.deepEqual(outfits.changeType(rules, female, 0), { type: 0, tone: 0, accessories: [1] });
  assert.deepEqual(outfits.changeType(rules, female, 2), { type: 2, tone: 4, accessories: [1] });
});

test("the address holds an outfit, and ignores what is impossible", () => {
  for (const outfit of people) assert.deepEqual(outfits.readOutfit(outfits.writeOutfit(outfit, rules), rules), outfit);
  assert.equal(outfits.writeOutfit(people[1], rules), "Male,1,Cap,Pipe");
  assert.deepEqual(outfits.readOutfit("Male,9,Tiara,Hat,Pipe,Vape", rules), { type: 2, tone: 2, accessories: [1] });
  assert.equal(outfits.readOutfit("Robot,Cap", rules), null);
});

test("an outfit has the labels that are searched for, as far as they fit", () => {
  const create = (...labels) => outfits.writeOutfit(outfits.createOutfit(rules, labels), rules);
  assert.equal(create(), "Male,2");
  assert.equal(create(3, 0, 6, 4), "Alien,Cap,Vape");
  assert.equal(create(5, 4), "Female,2,Pipe,Tiara");
});

test("sampled outfits are possible, and new ones are new", () => {
  const random = createRandom();
  const texts = new Set();
  for (let i = 0; i < 300; i++) {
    const outfit = sampleOutfit(collection, tones, random);
    const text = outfits.writeOutfit(outfit, rules);
    assert.deepEqual(outfits.readOutfit(text, rules), outfit, text);
    texts.add(text);
  }
  assert.ok(texts.size >= 5, [...texts].join(" "));
  const real = people.map((outfit) => outfits.writeOutfit(outfit, rules));
  for (let i = 0; i < 50; i++) {
    const outfit = sampleNewOutfit(collection, tones, random);
    assert.ok(!real.includes(outfits.writeOutfit(outfit, rules)));
    assert.deepEqual(findInvisible(renderer, outfit), []);
  }
});

test("novelty says who has the same labels or looks the same", () => {
  const describe = (outfit, nearest = [[2, 5]]) => describeNovelty(collection, tones, outfit, nearest);
  assert.deepEqual(describe(people[1]), { row: 1, text: "This is punk 11." });
  assert.equal(describe({ ...people[1], tone: 2 }).text, "Nobody has this. In another skin tone, it is punk 11.");
  assert.equal(describe({ type: 0, tone: 0, accessories: [3] }).text, "Nobody has this: no real punk has these labels.");
  assert.equal(describe({ type: 0, tone: 0, accessories: [0, 1] }, [[2, 0]]).row, 2);
});

test("rarity has the terms of the score, and none for what no punk has", () => {
  const { terms, score, rank } = computeRarity(collection, { type: 2, tone: 1, accessories: [0, 3] });
  assert.deepEqual(terms, [["Male", 1], ["Cap", 1], ["Vape", null], ["2 accessories", 2]]);
  assert.equal(score, 4 / 4.5);
  assert.equal(rank, 4);
});

test("colors that the collection lacks are none of its colors", () => {
  assert.deepEqual([...convertPixels([0, 2], ["a", "b", "c"], ["a", "b"])], [0, -1]);
});
