// The sales: their transactions and prices in dollars, and what other punks cost.

import { getSaleMonths } from "../data/collection.js";
import { addToGroup, computeMedian } from "../data/statistics.js";

const HASH_DIGITS = 64;
const DAY_S = 24 * 3600;

/** Return the hash of the transaction of a sale, or null if the page has none. */
export function getTransaction(sales, sale) {
  const digits = sales.transactions?.slice(sale * HASH_DIGITS, (sale + 1) * HASH_DIGITS).trim();
  return digits ? `0x${digits}` : null;
}

/** Return the price of a sale in dollars, at the rate of its day, or null if it is unknown. */
export function getDollars({ sales, ethUsd }, sale) {
  if (!ethUsd || sales.eth[sale] === null) return null;
  const rate = ethUsd.usd[Math.floor(sales.at[sale] / DAY_S) - ethUsd.first] ?? null;
  return rate === null ? null : sales.eth[sale] * rate;
}

/** Return the median price of a type in each month with a sale, as [Unix seconds, ETH]. */
export function getTypeMedians({ sales, type }, wanted) {
  const months = getSaleMonths(sales);
  const prices = new Map();
  sales.row.forEach((row, sale) => {
    if (type[row] === wanted && sales.eth[sale] !== null) addToGroup(prices, months[sale], sales.eth[sale]);
  });
  return [...prices]
    .sort((a, b) => a[0] - b[0])
    .map(([month, list]) => [Date.UTC(Math.floor(month / 12), month % 12, 15) / 1000, computeMedian(list)]);
}

/** Return the floor price of the collection as [Unix seconds, ETH]. */
export const getFloor = ({ floor }) => (floor ? floor.at.map((at, i) => [at, floor.eth[i]]) : []);
