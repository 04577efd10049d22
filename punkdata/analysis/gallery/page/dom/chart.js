// A chart as SVG with axes and a table of its data.

import { formatCompact } from "../data/format.js";
import { computeTicks, createScale, MIN_PRICE_ETH } from "../data/statistics.js";
import { createElement, createSvg } from "./elements.js";

const CHART_HEIGHT = 300;
export const INSET = { top: 14, right: 14, bottom: 30, left: 58 };

/**
 * Create a figure with a title, axes and a collapsed table of the data.
 *
 * @param heading - element of the title, "h2" by default.
 * @param xAxis - `range` [min, max], and `ticks` as [value, text].
 * @param yAxis - `range` [min, max], `isLog`, and `isInteger` for ticks at integers only.
 * @param legend - list items, optional.
 * @param table - `head` (texts) and `getRows()`, optional.
 * @param draw - (x, y, bottom) => SVG elements; x and y are the scales, bottom is the x axis.
 */
export function createChart({ title, note, xAxis, yAxis, width, height = CHART_HEIGHT, heading = "h2", className, legend, table, draw }) {
  const { isLog } = yAxis;
  const ticks = computeTicks(...yAxis.range, isLog, yAxis.isInteger);
  const min = isLog ? ticks[0] : yAxis.range[0];
  const max = isLog ? ticks.at(-1) : yAxis.range[1];
  const x = createScale(...xAxis.range, INSET.left, width - INSET.right);
  const y = createScale(min, max, height - INSET.bottom, INSET.top, isLog);
  return createElement(
    "figure",
    { className: className ?? "" },
    createElement(
      "figcaption",
      {},
      createElement(heading, {}, title),
      createElement("p", { className: "note" }, note),
      ...(legend ? [createElement("ul", { className: "legend" }, ...legend)] : []),
    ),
    createSvg(
      "svg",
      { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title}. ${note}` },
      ...drawYAxis(ticks.filter((tick) => tick >= min && tick <= max), y, width),
      ...drawXAxis(xAxis.ticks, x, width, height),
      ...draw(x, y, height - INSET.bottom),
    ),
    ...(table ? [createDataTable(table)] : []),
  );
}

/** Draw a grid line and a label for each tick of the y axis. */
function drawYAxis(ticks, y, width) {
  return ticks.flatMap((tick) => [
    createSvg("line", { x1: INSET.left, x2: width - INSET.right, y1: y(tick), y2: y(tick), class: "grid-line" }),
    createSvg("text", { x: INSET.left - 6, y: y(tick) + 4, class: "anchor-end" }, formatCompact(tick)),
  ]);
}

/** Draw the labels of the x axis; labels that would overlap the previous one are left out. */
function drawXAxis(ticks, x, width, height) {
  let previousEnd = -Infinity;
  const separate = ticks.filter(([value, text]) => {
    const halfWidth = text.length * 3.5 + 4;
    const fits = x(value) - halfWidth >= previousEnd;
    if (fits) previousEnd = x(value) + halfWidth;
    return fits;
  });
  return separate.map(([value, text]) => {
    const wouldBeCut = x(value) + text.length * 3.5 > width;
    const anchor = wouldBeCut ? "anchor-end" : "anchor-middle";
    return createSvg("text", { x: x(value), y: height - 10, class: anchor }, text);
  });
}

/** Create the collapsed table of a chart's data. Its rows are created when it is first opened. */
function createDataTable({ head, getRows }) {
  const createCells = (tag, texts) => texts.map((text) => createElement(tag, {}, text));
  const details = createElement("details", {}, createElement("summary", {}, "Show data"));
  details.addEventListener("toggle", () => {
    if (!details.open || details.children.length > 1) return;
    const rows = getRows().map((row) => createElement("tr", {}, ...createCells("td", row)));
    details.append(
      createElement(
        "div",
        { className: "data-table", tabIndex: 0 },
        createElement(
          "table",
          {},
          createElement("thead", {}, createElement("tr", {}, ...createCells("th", head))),
          createElement("tbody", {}, ...rows),
        ),
      ),
    );
  });
  return details;
}

/** Return a sentence about prices that are plotted at the minimum, or "" if there are none. */
export const describeMinPrice = (prices) =>
  prices.some((price) => price < MIN_PRICE_ETH)
    ? ` Prices below ${MIN_PRICE_ETH} ETH are plotted at ${MIN_PRICE_ETH}.`
    : "";
