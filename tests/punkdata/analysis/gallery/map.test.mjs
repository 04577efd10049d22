import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_CLASS, createColoring, listColorings, readColoring } from "../../../../punkdata/analysis/gallery/page/map/colors.js";
import * as geometry from "../../../../punkdata/analysis/gallery/page/map/geometry.js";
import { findAt, findInDirection, unpackPlaces } from "../../../../punkdata/analysis/gallery/page/map/places.js";
import { createTestCollection } from "./collection.mjs";

const collection = createTestCollection();
const bounds = [0, 1000, 4095, 3000];
const whole = geometry.fitMap(800, 600, bounds);
const assertNear = (found, expected) =>
  found.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-6, `${found} is not ${expected}`));

test("places are unpacked from 12 bits each", () => {
  const text = Buffer.from([0xab, 0xcd, 0xef, 0x00, 0x1f, 0xff]).toString("base64");
  const { x, y } = unpackPlaces(text);
  assert.deepEqual([...x, ...y], [0xabc, 0x001, 0xdef, 0xfff]);
});

test("the whole map fits the box", () => {
  for (const [x, y] of [[0, 1000], [4095, 3000]]) {
    const [left, top] = geometry.toBox(whole, x, y);
    assert.ok(left >= 0 && left <= 800 && top >= 0 && top <= 600);
  }
  assert.deepEqual(geometry.resizeView(whole, 400, 300).scale, geometry.fitMap(400, 300, bounds).scale);
});

test("zooming keeps the place below the pointer", () => {
  const before = geometry.toMap(whole, 300, 250);
  const zoomed = geometry.zoomView(whole, 4, [300, 250]);
  assertNear(geometry.toMap(zoomed, 300, 250), before);
  assertNear(geometry.toBox(zoomed, ...before), [300, 250]);
  assert.equal(geometry.zoomView(zoomed, 1e-9).scale, whole.scale);
  assert.ok(geometry.zoomView(zoomed, 1e9).scale < 10);
});

test("the map cannot be moved out of sight", () => {
  const moved = geometry.panView(geometry.zoomView(whole, 4), 1e6, -1e6);
  assertNear(geometry.toMap(moved, 400, 300), [0, 3000]);
  assert.deepEqual(geometry.panView(whole, 100, 100), whole);
});

test("a polygon has an inside, also with a notch", () => {
  const notched = [[0, 0], [10, 0], [10, 10], [5, 2], [0, 10]];
  const isInside = geometry.createAreaTest(notched);
  assert.ok(isInside(1, 5));
  assert.ok(!isInside(5, 5));
  assert.ok(!isInside(11, 1));
});

test("simplifying keeps the shape of a polygon", () => {
  const circle = Array.from({ length: 500 }, (_, i) => {
    const angle = (2 * Math.PI * i) / 500;
    return [2000 + 1000 * Math.cos(angle), 2000 + 1000 * Math.sin(angle)];
  });
  const simplified = geometry.simplifyPolygon(circle);
  assert.equal(simplified.length, 60);
  for (const [x, y] of simplified) assert.ok(Math.abs(Math.hypot(x - 2000, y - 2000) - 1000) < 2);
  assert.ok(geometry.createAreaTest(simplified)(2000, 2980));
});

test("the address of an area is read as it was written", () => {
  const area = [[0, -5], [4095, 0], [10, 4000]];
  assert.deepEqual(geometry.parseArea(geometry.formatArea(area)), area);
  for (const text of ["", "1.1,2.2", "1.1,2.2,x.3", "1.1,2.2,3.3.3", "1.1,2.2,3.99999", "1.1,2.2,3"])
    assert.equal(geometry.parseArea(text), null, text);
});

test("arrow keys lead to the nearest punk in their direction", () => {
  const places = { x: [0, 10, 30, 0, 12], y: [0, 1, 0, 20, 11] };
  const rows = [0, 1, 2, 3];
  assert.equal(findInDirection(places, rows, 0, [1, 0]), 1);
  assert.equal(findInDirection(places, rows, 1, [1, 0]), 2);
  assert.equal(findInDirection(places, rows, 2, [1, 0]), 2);
  assert.equal(findInDirection(places, rows, 0, [0, 1]), 3);
  assert.equal(findAt(places, rows, [11, 9], 9), 1);
  assert.equal(findAt(places, rows, [11, 9], 7), undefined);
});

test("colorings assign a class to each punk", () => {
  assert.deepEqual([...createColoring("type", collection).classes], [0, 0, 1, 1, 1, 1]);
  assert.deepEqual([...createColoring("count", collection).classes], [0, 1, 2, 1, 2, 1]);
  assert.deepEqual([...createColoring("Mohawk", collection).classes].map((n) => n === 0), [false, true, true, false, false, false]);
  const last = createColoring("last", collection);
  assert.equal(last.classes[1], NO_CLASS);
  assert.ok(last.classes[4] < last.classes[0] && last.classes[0] < last.classes[2]);
  assert.equal(last.entries.at(-1).text, "unknown");
});

test("only colorings of the collection are offered", () => {
  const unpriced = createTestCollection(null);
  assert.deepEqual(listColorings(unpriced).map(([name]) => name), ["type", "rank", "count"]);
  assert.equal(readColoring("last", unpriced), null);
  assert.equal(readColoring("last", collection), "last");
  assert.equal(readColoring("Mohawk", collection), "Mohawk");
  assert.equal(readColoring("toString", collection), null);
});
