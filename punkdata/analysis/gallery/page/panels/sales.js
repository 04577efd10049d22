// The sales of one punk: a summary, the history of its price and a table.

import { formatCount, formatDate, formatEth, pluralize } from "../data/format.js";
import { computePriceRange } from "../data/statistics.js";
import { createChart, describeMinPrice } from "../dom/chart.js";
import { createDescriptionList, createElement, createSvg } from "../dom/elements.js";

/** Return how often a punk was sold. The market of the CryptoPunks and those of wrapped punks differ. */
function describeSaleCount(count, total) {
  const wrapped = total > count ? `, and ${formatCount(total - count)} as a wrapped punk` : "";
  return pluralize(count, "time") + wrapped;
}

/** Create the summary, chart and table of a punk's sales. */
export function createPrices(collection, row) {
  const formatOptional = (price) => (price === null ? "–" : formatEth(price));
  const sales = collection.salesByRow[row];
  const listing = ["Listed for", formatOptional(collection.listing[row])];
  if (!sales.length) return [createDescriptionList([["Sold", "no sales in this snapshot"], listing])];
  const pricedSales = sales.filter((sale) => collection.sales.eth[sale] !== null);
  const createRow = (sale) => {
    const price = collection.sales.eth[sale];
    return createElement(
      "tr",
      {},
      createElement("td", {}, formatDate(collection.sales.at[sale])),
      createElement("td", {}, price === null ? collection.sales.note[sale] : formatEth(price)),
    );
  };
  return [
    createDescriptionList([
      ["Sold", describeSaleCount(collection.saleCount[row], sales.length)],
      ["Last sale", formatOptional(collection.last[row])],
      ["Median sale", formatOptional(collection.median[row])],
      ["Highest sale", formatOptional(collection.highest[row])],
      listing,
    ]),
    ...(pricedSales.length > 1 ? [createPriceHistoryChart(collection, row, pricedSales)] : []),
    createElement(
      "table",
      { className: "sales" },
      createElement("caption", { className: "visually-hidden" }, "All sales, newest first"),
      createElement("tbody", {}, ...sales.toReversed().map(createRow)),
    ),
  ];
}

/** Create the chart of all priced sales of one punk. */
function createPriceHistoryChart(collection, row, pricedSales) {
  const points = pricedSales.map((sale) => [collection.sales.at[sale], collection.sales.eth[sale]]);
  const times = points.map(([at]) => at);
  const prices = points.map(([, price]) => price);
  const range = [Math.min(...times), Math.max(...times)];
  const type = collection.type[row];
  const path = (x, y) => points.map(([at, price], i) => `${i ? "L" : "M"}${x(at)} ${y(price)}`).join("");
  return createChart({
    title: "Price history",
    note: `Price of each sale, in ETH.${describeMinPrice(prices)}`,
    xAxis: { range, ticks: range.map((at) => [at, `${new Date(at * 1000).getUTCFullYear()}`]) },
    yAxis: { range: computePriceRange(prices), isLog: true },
    width: 330,
    height: 170,
    draw: (x, y) => [
      createSvg("path", { d: path(x, y), class: `series stroke-${type}` }),
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
