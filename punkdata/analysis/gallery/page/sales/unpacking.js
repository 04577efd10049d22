// The columns that follow from the sales, which the page does not embed.

import { addUp } from "../data/unpacking.js";
import { computeMedian } from "../data/statistics.js";

/** Return the sales with their times, and the sellers who are the buyers of the sales before. */
export function unpackSales(sales) {
  const owners = new Map();
  const seller = sales.seller.map((number, sale) => {
    const row = sales.row[sale];
    const known = number === -1 ? owners.get(row) : number;
    owners.set(row, sales.buyer[sale]);
    return known;
  });
  return { ...sales, seller, at: addUp(sales.after) };
}

/** Return the last price, its time, the median and the highest price of each punk; null if unknown. */
export function summarizeSales({ at, eth }, salesByRow) {
  const priced = salesByRow.map((list) => list.filter((sale) => eth[sale] !== null));
  const describe = (getValue) => priced.map((list) => (list.length ? getValue(list) : null));
  const getPrices = (list) => list.map((sale) => eth[sale]);
  return {
    last: describe((list) => eth[list.at(-1)]),
    lastSoldAt: describe((list) => at[list.at(-1)]),
    median: describe((list) => computeMedian(getPrices(list))),
    highest: describe((list) => Math.max(...getPrices(list))),
  };
}
