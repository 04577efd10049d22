// The view of charts of the selected punks: prices, sales and label counts.

import { getSaleMonths } from "../data/collection.js";
import { formatCount, NO_MATCH_TEXT, pluralize } from "../data/format.js";
import { countLabels } from "../data/selection.js";
import { createElement } from "../dom/elements.js";
import { createPriceByCountChart, createPriceByTypeChart, createSalesPerMonthChart } from "./price_charts.js";

const TWO_COLUMNS_MIN_WIDTH = 1000; // CSS pixels
const COLUMN_GAP = 16;
const FIGURE_FRAME = 34; // horizontal padding and border of a figure, both sides

export const chartsView = { name: "charts", label: "Charts", create: createChartsView };

function createChartsView(box, app) {
  let drawnWidth = 0; // of the box, when the charts were last drawn
  /** Draw the charts for the current width; data tables that are open stay open. */
  const draw = () => {
    const width = box.clientWidth - parseFloat(getComputedStyle(box).paddingLeft) * 2;
    drawnWidth = box.clientWidth;
    box.classList.toggle("single-column", width < TWO_COLUMNS_MIN_WIDTH);
    const getTitle = (figure) => figure.querySelector("h2").textContent;
    const opened = [...box.querySelectorAll("figure:has(> details[open])")].map(getTitle);
    box.replaceChildren(...createCharts(app.collection, app.rows, app.toggleLabel, width));
    for (const figure of box.querySelectorAll("figure:has(> details)"))
      figure.querySelector("details").open = opened.includes(getTitle(figure));
  };
  new ResizeObserver(() => {
    const width = box.clientWidth;
    if (width && drawnWidth && width !== drawnWidth) draw();
  }).observe(box);
  return ({ hasNewRows }) => hasNewRows && draw();
}

/** Create the charts of these rows for a container of this width in CSS pixels. */
function createCharts(collection, rows, toggleLabel, width) {
  const fullWidth = width - FIGURE_FRAME;
  const columnWidth =
    width < TWO_COLUMNS_MIN_WIDTH ? fullWidth : (width - COLUMN_GAP) / 2 - FIGURE_FRAME;
  const createNote = (text) => createElement("p", { className: "note wide" }, text);
  if (!rows.length) return [createNote(NO_MATCH_TEXT)];
  const labelCounts = createLabelCounts(collection, rows, toggleLabel);
  if (!collection.sales) return [createNote(collection.noPricesHelp), labelCounts];
  const sales = rows.flatMap((row) => collection.salesByRow[row]);
  const pricedSales = sales.filter((sale) => collection.sales.eth[sale] !== null);
  if (!pricedSales.length) return [createNote("None of these punks has a sale in ETH."), labelCounts];
  const saleMonths = getSaleMonths(collection.sales);
  const months = pricedSales.map((sale) => saleMonths[sale]);
  const range = [months.reduce((a, b) => Math.min(a, b)), months.reduce((a, b) => Math.max(a, b))];
  return [
    createPriceByTypeChart(collection, pricedSales, sales.length - pricedSales.length, range, fullWidth),
    createSalesPerMonthChart(collection, sales, range, columnWidth),
    createPriceByCountChart(collection, rows, columnWidth),
    labelCounts,
  ];
}

/** Create the tables of label counts with bars; a click on a name filters by that label. */
function createLabelCounts(collection, rows, toggleLabel) {
  const counts = countLabels(collection, rows);
  const present = counts.map((_, label) => label).filter((label) => counts[label]);
  present.sort((a, b) => counts[b] - counts[a] || a - b);
  const createRow = (label) => {
    const percent = (100 * counts[label]) / rows.length;
    const bar = createElement("div", { className: "bar" });
    bar.style.width = `${percent}%`;
    const button = createElement(
      "button",
      { type: "button", "data-label": label, onclick: () => toggleLabel(label) },
      collection.labelNames[label],
    );
    return createElement(
      "tr",
      {},
      createElement("th", { scope: "row" }, button),
      createElement("td", {}, formatCount(counts[label])),
      createElement("td", {}, `${percent.toFixed(1)}%`),
      createElement("td", { "aria-hidden": "true" }, bar),
    );
  };
  const createTable = (caption, labels) =>
    createElement(
      "table",
      { className: "label-counts" },
      createElement("caption", {}, caption),
      createElement("tbody", {}, ...labels.map(createRow)),
    );
  const isType = (label) => label < collection.typeNames.length;
  const punks = rows.length === 1 ? "1 punk" : `the ${pluralize(rows.length, "punk")}`;
  return createElement(
    "figure",
    { className: "wide" },
    createElement(
      "figcaption",
      {},
      createElement("h2", {}, "Labels"),
      createElement("p", { className: "note" }, `Share of ${punks} with each label. Click a name to filter.`),
    ),
    createTable("Types", present.filter(isType)),
    createTable("Accessories", present.filter((label) => !isType(label))),
  );
}
