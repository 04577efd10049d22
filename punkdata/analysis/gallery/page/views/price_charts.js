// The charts of prices and sales of the selected punks.

import { getSaleMonths } from "../data/collection.js";
import { formatEth, formatMonth, formatPrice, pluralize } from "../data/format.js";
import {
  addToGroup,
  computeMedian,
  computePriceRange,
  computeQuantile,
  computeYearTicks,
} from "../data/statistics.js";
import { createChart, describeMinPrice, INSET } from "../dom/chart.js";
import { createElement, createSvg } from "../dom/elements.js";

/** Return a sentence about sales that prices leave out, or "" if there are none. */
function describeLeftOut(n) {
  if (!n) return "";
  return ` ${pluralize(n, "sale")} left out: not in ETH, flagged, or of wrapped punks.`;
}

/** Create the chart of monthly median prices, one line per type. */
export function createPriceByTypeChart(collection, pricedSales, numLeftOut, range, width) {
  const { typeNames, sales } = collection;
  const saleMonths = getSaleMonths(sales);
  const pricesByType = typeNames.map(() => new Map());
  for (const sale of pricedSales) {
    const byMonth = pricesByType[collection.type[sales.row[sale]]];
    addToGroup(byMonth, saleMonths[sale], sales.eth[sale]);
  }
  // One list of [month, median, number of sales] for each type.
  const series = pricesByType.map((byMonth) =>
    [...byMonth]
      .map(([month, prices]) => [month, computeMedian(prices), prices.length])
      .sort((a, b) => a[0] - b[0]),
  );
  const medians = series.flat().map(([, price]) => price);
  return createChart({
    title: "Price by type over time",
    note: `Median sale price of each month, in ETH.${describeMinPrice(medians)}${describeLeftOut(numLeftOut)}`,
    width,
    className: "wide",
    xAxis: { range, ticks: computeYearTicks(...range) },
    yAxis: { range: computePriceRange(medians), isLog: true },
    legend: series.flatMap((points, type) =>
      points.length ? [createElement("li", { className: `legend-${type}` }, typeNames[type])] : [],
    ),
    table: {
      head: ["Type", "Month", "Median price, ETH", "Sales"],
      getRows: () =>
        series.flatMap((points, type) =>
          points.map(([month, price, n]) => [typeNames[type], formatMonth(month), formatPrice(price), n]),
        ),
    },
    draw: (x, y) => series.flatMap((points, type) => drawPriceSeries(points, type, typeNames[type], x, y)),
  });
}

/** Draw one line with dots; it has a gap where a month has no sale. */
function drawPriceSeries(points, type, typeName, x, y) {
  if (!points.length) return [];
  const path = points.map(([month, price], i) => {
    const isConnected = i && month - points[i - 1][0] === 1;
    return `${isConnected ? "L" : "M"}${x(month).toFixed(1)} ${y(price).toFixed(1)}`;
  });
  const dots = points.map(([month, price, n]) =>
    createSvg(
      "circle",
      { cx: x(month).toFixed(1), cy: y(price).toFixed(1), r: 2.5, class: `fill-${type}` },
      createSvg("title", {}, `${typeName}, ${formatMonth(month)}: ${formatEth(price)} (${pluralize(n, "sale")})`),
    ),
  );
  return [createSvg("path", { d: path.join(""), class: `series stroke-${type}` }), ...dots];
}

/** Create the bar chart of the number of sales in each month. */
export function createSalesPerMonthChart(collection, sales, range, width) {
  const saleMonths = getSaleMonths(collection.sales);
  const counts = new Map();
  for (const sale of sales) counts.set(saleMonths[sale], (counts.get(saleMonths[sale]) ?? 0) + 1);
  const bars = [...counts].sort((a, b) => a[0] - b[0]);
  const [first, last] = [Math.min(range[0], bars[0][0]), Math.max(range[1], bars.at(-1)[0])];
  const barWidth = (width - INSET.left - INSET.right) / (last - first + 1);
  return createChart({
    title: "Sales per month",
    note: `${pluralize(sales.length, "sale")}, ${formatMonth(first)} to ${formatMonth(last)}.`,
    width,
    xAxis: { range: [first, last + 1], ticks: computeYearTicks(first, last) },
    yAxis: { range: [0, Math.max(...counts.values())], isInteger: true },
    table: { head: ["Month", "Sales"], getRows: () => bars.map(([month, n]) => [formatMonth(month), n]) },
    draw: (x, y, bottom) =>
      bars.map(([month, n]) =>
        createSvg(
          "rect",
          { x: x(month), y: y(n), width: Math.max(1, barWidth - 1), height: bottom - y(n), class: "bar" },
          createSvg("title", {}, `${formatMonth(month)}: ${pluralize(n, "sale")}`),
        ),
      ),
  });
}

/** Create the box plot of the last sale prices, by number of accessories. */
export function createPriceByCountChart(collection, rows, width) {
  const pricesByCount = new Map();
  for (const row of rows) {
    if (collection.last[row] === null) continue;
    addToGroup(pricesByCount, collection.accessories[row].length, collection.last[row]);
  }
  // [number of accessories, number of punks, and the five quantiles]
  const boxes = [...pricesByCount]
    .sort((a, b) => a[0] - b[0])
    .map(([count, prices]) => {
      prices.sort((a, b) => a - b);
      return [count, prices.length, ...[0.1, 0.25, 0.5, 0.75, 0.9].map((q) => computeQuantile(prices, q))];
    });
  const counts = boxes.map(([count]) => count);
  const quantiles = boxes.flatMap((box) => box.slice(2));
  return createChart({
    title: "Price by number of accessories",
    note:
      "Last sale of each punk, in ETH, at any date. Line: median; box: middle 50%; " +
      `whiskers: 10th to 90th percentile.${describeMinPrice(quantiles)}`,
    width,
    xAxis: {
      range: [Math.min(...counts) - 0.6, Math.max(...counts) + 0.6],
      ticks: counts.map((count) => [count, `${count}`]),
    },
    yAxis: { range: computePriceRange(quantiles), isLog: true },
    table: {
      head: ["Accessories", "Punks sold", "10th percentile", "25th", "Median", "75th", "90th"],
      getRows: () => boxes.map(([count, n, ...prices]) => [count, n, ...prices.map(formatPrice)]),
    },
    draw: (x, y) => boxes.map((box) => drawBox(box, x, y)),
  });
}

/** Draw one box of a box plot. */
function drawBox([count, n, p10, p25, median, p75, p90], x, y) {
  const halfWidth = Math.min(30, Math.abs(x(1) - x(0)) * 0.35);
  const [left, right] = [x(count) - halfWidth, x(count) + halfWidth];
  const height = Math.max(1, y(p25) - y(p75));
  const text = `${pluralize(count, "accessory", "accessories")}, ${pluralize(n, "punk")}: median ${formatEth(median)}`;
  return createSvg(
    "g",
    {},
    createSvg("title", {}, text),
    createSvg("line", { x1: x(count), x2: x(count), y1: y(p10), y2: y(p90), class: "whisker" }),
    createSvg("rect", { x: left, width: 2 * halfWidth, y: y(p75), height, class: "bar" }),
    createSvg("line", { x1: left, x2: right, y1: y(median), y2: y(median), class: "median" }),
  );
}
