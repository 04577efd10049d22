// Scales, ticks and quantiles of charts.

import { formatMonth } from "./format.js";

export const MIN_PRICE_ETH = 0.001; // Lower prices are regarded as gifts, and plotted at this value.

/** Return a function from [min, max] to pixels [start, end], linear or logarithmic. */
export function createScale(min, max, start, end, isLog = false) {
  const transform = isLog ? (x) => Math.log10(Math.max(x, MIN_PRICE_ETH)) : (x) => x;
  const extent = transform(max) - transform(min) || 1;
  return (x) => start + ((transform(x) - transform(min)) / extent) * (end - start);
}

/** Return round numbers for an axis: 0, 20, 40 …, or 1, 10, 100 … on a logarithmic axis. */
export function computeTicks(min, max, isLog, isInteger) {
  if (isLog) {
    const first = Math.floor(Math.log10(min));
    const last = Math.ceil(Math.log10(max));
    return Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i));
  }
  const minStep = (max - min) / 5 || 1;
  const unit = 10 ** Math.floor(Math.log10(minStep));
  const roundStep = unit * [1, 2, 5, 10].find((factor) => factor * unit >= minStep);
  const step = isInteger ? Math.max(1, roundStep) : roundStep;
  const ticks = [];
  for (let tick = Math.ceil(min / step) * step; tick <= max; tick += step) ticks.push(tick);
  return ticks;
}

/** Return [month, text] for the ticks of an axis of months: January of at most about ten years. */
export function computeYearTicks(first, last) {
  const years = [];
  for (let month = Math.ceil(first / 12) * 12; month <= last; month += 12) years.push(month);
  if (years.length < 2) return [first, last].map((month) => [month, formatMonth(month)]);
  const interval = Math.ceil(years.length / 10);
  return years.filter((_, i) => i % interval === 0).map((month) => [month, `${month / 12}`]);
}

/** Return the lowest and the highest price, as they are plotted. */
export function computePriceRange(prices) {
  const plotted = prices.map((price) => Math.max(price, MIN_PRICE_ETH));
  return [plotted.reduce((a, b) => Math.min(a, b)), plotted.reduce((a, b) => Math.max(a, b))];
}

/** Append a value to the list of its group. */
export function addToGroup(groups, key, value) {
  if (!groups.has(key)) groups.set(key, []);
  groups.get(key).push(value);
}

/** Return a quantile of ascending values, interpolated linearly. */
export function computeQuantile(sorted, q) {
  const position = (sorted.length - 1) * q;
  const lower = Math.floor(position);
  return sorted[lower] + ((sorted[lower + 1] ?? sorted[lower]) - sorted[lower]) * (position - lower);
}

/** Sort the values in place, and return their median. */
export const computeMedian = (values) => computeQuantile(values.sort((a, b) => a - b), 0.5);
