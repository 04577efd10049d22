import assert from "node:assert/strict";
import { test } from "node:test";
import { getDollars, getFloor, getTransaction, getTypeMedians } from "../../../../punkdata/analysis/gallery/page/sales/facts.js";
import { findRowsOf, getAddress } from "../../../../punkdata/analysis/gallery/page/sales/accounts.js";
import { summarizeSales, unpackSales } from "../../../../punkdata/analysis/gallery/page/sales/unpacking.js";

const day = 24 * 3600;
const packed = {
  row: [0, 1, 0, 0],
  after: [40 * day, 10, day, 30 * day],
  eth: [1, 4, null, 3],
  note: [null, null, "outlier", null],
  seller: [1, null, -1, 2],
  buyer: [2, 0, 0, 1],
  transactions: ["c".repeat(64), " ".repeat(64), "d".repeat(64), "e".repeat(64)].join(""),
};
const sales = unpackSales(packed);
const collection = {
  sales,
  addresses: ["0", "a", "b", "c"].map((digit) => digit.repeat(40)).join(""),
  owner: [1, 3],
  type: [0, 1],
  ethUsd: { first: 40, usd: [300, null] },
  floor: { at: [5, 6], eth: [0.5, 0.6] },
};

test("a seller who bought the punk before is found", () => {
  assert.deepEqual(sales.seller, [1, null, 2, 2]);
  assert.equal(sales.at[3], 71 * day + 10);
});

test("parties and transactions can be unknown", () => {
  assert.equal(getAddress(collection, sales.seller[0]), `0x${"a".repeat(40)}`);
  assert.equal(getAddress(collection, sales.seller[1]), null);
  assert.equal(getAddress(collection, sales.buyer[1]), null, "the zero address");
  assert.equal(getTransaction(sales, 2), `0x${"d".repeat(64)}`);
  assert.equal(getTransaction(sales, 1), null);
  assert.equal(getTransaction({}, 1), null);
});

test("punks are found by an account that owns or traded them", () => {
  const find = (account) => [...findRowsOf(collection, account)].sort();
  assert.deepEqual(find({ first: "aa" }), [0]);
  assert.deepEqual(find({ first: "c" }), [1]);
  assert.deepEqual(find({ first: "c", role: "buyer" }), []);
  assert.deepEqual(find({ first: "a", role: "owner" }), [0]);
  assert.deepEqual(find({ first: "0" }), [0, 1]);
  assert.deepEqual(find({ first: "0", role: "seller" }), []);
  assert.deepEqual(find({ first: "bb", last: "b" }), [0]);
  assert.deepEqual(find({ first: "bb", last: "c" }), []);
  assert.deepEqual([...findRowsOf({ ...collection, sales: null }, { first: "" })], [0, 1]);
});

test("dollars follow from the rate of the day", () => {
  assert.equal(getDollars(collection, 0), 300);
  assert.equal(getDollars(collection, 2), null, "no price in ETH");
  assert.equal(getDollars(collection, 3), null, "no rate");
  assert.equal(getDollars({ ...collection, ethUsd: null }, 0), null);
});

test("prices of a punk leave out sales without one", () => {
  assert.deepEqual(summarizeSales(sales, [[0, 2, 3], [1], []]), {
    last: [3, 4, null],
    lastSoldAt: [71 * day + 10, 40 * day + 10, null],
    median: [2, 4, null],
    highest: [3, 4, null],
  });
});

test("medians of a type are by month", () => {
  assert.deepEqual(getTypeMedians(collection, 0).map(([, eth]) => eth), [1, 3]);
  assert.deepEqual(getFloor(collection), [[5, 0.5], [6, 0.6]]);
  assert.deepEqual(getFloor({ floor: null }), []);
});
