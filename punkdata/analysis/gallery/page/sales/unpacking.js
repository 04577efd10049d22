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
  const columns = { last: [], lastSoldAt: [], median: [], highest: [] };
  for (const list of salesByRow) {
    const prices = [];
    let lastSoldAt = null;
    for (const sale of list) {
      if (eth[sale] === null) continue;
      prices.push(eth[sale]);
      lastSoldAt = at[sale];
    }
    columns.lastSoldAt.push(lastSoldAt);
    columns.last.push(prices.at(-1) ?? null);
    columns.median.push(prices.length > 1 ? computeMedian(prices) : (prices[0] ?? null)); // It sorts them.
    columns.highest.push(prices.at(-1) ?? null);
  }
  return columns;
}
