// The chart of a punk's price, with what punks of its type and the cheapest ones cost.

import { formatDate, formatEth } from "../data/format.js";
import { getFloor, getTypeMedians } from "./facts.js";
import { computePriceRange } from "../data/statistics.js";
import { createChart, describeMinPrice } from "../dom/chart.js";
import { createElement, createSvg } from "../dom/elements.js";

/** Create the chart of all priced sales of one punk, from the first one to the last of any punk. */
export function createPriceHistoryChart(collection, row, pricedSales) {
  const { sales, typeNames } = collection;
  const type = collection.type[row];
  const points = pricedSales.map((sale) => [sales.at[sale], sales.eth[sale]]);
  const range = [points[0][0], sales.at.at(-1)];
  const isInRange = ([at]) => at >= range[0] && at <= range[1];
  const lines = [
    {
      name: `median of ${typeNames[type]} in each month`,
      points: getTypeMedians(collection, type),
      style: "median-line",
    },
    { name: "floor of all punks", points: getFloor(collection), style: "floor-line" },
  ]
    .map((line) => ({ ...line, points: line.points.filter(isInRange) }))
    .filter((line) => line.points.length > 1);
  const prices = [points, ...lines.map((line) => line.points)].flat().map(([, price]) => price);
  return createChart({
    title: "Price history",
    note: `Price of each sale, in ETH.${describeMinPrice(prices)}`,
    xAxis: { range, ticks: listYears(range) },
    yAxis: { range: computePriceRange(prices), isLog: true },
    legend: [
      createElement("li", { className: `legend-${type}` }, "this punk"),
      ...lines.map(({ name, style }) => createElement("li", { className: style }, name)),
    ],
    heading: "h4", // below "Prices"
    width: 330,
    height: 190,
    draw: (x, y) => [
      ...lines.map((line) => createSvg("path", { d: createPath(line.points, x, y), class: `series ${line.style}` })),
      createSvg("path", { d: createPath(points, x, y), class: `series stroke-${type}` }),
      ...points.map(([at, price]) =>
        createSvg(
          "circle",
          { cx: x(at), cy: y(price), r: 3, class: `fill-${type}` },
          createSvg("title", {}, `${formatDate(at)}: ${formatEth(price)}`),
        ),
      ),
    ],
  });
}

const createPath = (points, x, y) =>
  points.map(([at, price], i) => `${i ? "L" : "M"}${x(at).toFixed(1)} ${y(price).toFixed(1)}`).join("");

/** Return the first of January of each year in a range of Unix seconds, or the ends of a short one. */
function listYears([start, end]) {
  const getYear = (at) => new Date(at * 1000).getUTCFullYear();
  const years = [];
  for (let year = getYear(start) + 1; year <= getYear(end); year++) years.push([Date.UTC(year, 0) / 1000, `${year}`]);
  return years.length > 1 ? years : [start, end].map((at) => [at, `${getYear(at)}`]);
}
