// A chart as SVG with axes and a table of its data, and the statistics that charts need.

const CHART_HEIGHT = 300;
const MIN_PRICE_ETH = 0.001; // Lower prices are regarded as gifts, and plotted at this value.
const INSET = { top: 14, right: 14, bottom: 30, left: 58 };

/** Return a function from [min, max] to pixels [start, end], linear or logarithmic. */
function createScale(min, max, start, end, isLog = false) {
  const transform = isLog ? (x) => Math.log10(Math.max(x, MIN_PRICE_ETH)) : (x) => x;
  const extent = transform(max) - transform(min) || 1;
  return (x) => start + ((transform(x) - transform(min)) / extent) * (end - start);
}

/** Return round numbers for an axis: 0, 20, 40 …, or 1, 10, 100 … on a logarithmic axis. */
function computeTicks(min, max, isLog, isInteger) {
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
function computeYearTicks(first, last) {
  const years = [];
  for (let month = Math.ceil(first / 12) * 12; month <= last; month += 12) years.push(month);
  if (years.length < 2) return [first, last].map((month) => [month, formatMonth(month)]);
  const interval = Math.ceil(years.length / 10);
  return years.filter((_, i) => i % interval === 0).map((month) => [month, `${month / 12}`]);
}

/**
 * Create a figure with a title, axes and a collapsed table of the data.
 *
 * @param xAxis - `range` [min, max], and `ticks` as [value, text].
 * @param yAxis - `range` [min, max], `isLog`, and `isInteger` for ticks at integers only.
 * @param legend - list items, optional.
 * @param table - `head` (texts) and `getRows()`, optional.
 * @param draw - (x, y, bottom) => SVG elements; x and y are the scales, bottom is the x axis.
 */
function createChart({ title, note, xAxis, yAxis, width, height = CHART_HEIGHT, className, legend, table, draw }) {
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
      createElement("h2", {}, title),
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
const describeMinPrice = (prices) =>
  prices.some((price) => price < MIN_PRICE_ETH)
    ? ` Prices below ${MIN_PRICE_ETH} ETH are plotted at ${MIN_PRICE_ETH}.`
    : "";

/** Return the lowest and the highest price, as they are plotted. */
function computePriceRange(prices) {
  const plotted = prices.map((price) => Math.max(price, MIN_PRICE_ETH));
  return [plotted.reduce((a, b) => Math.min(a, b)), plotted.reduce((a, b) => Math.max(a, b))];
}

/** Append a value to the list of its group. */
function addToGroup(groups, key, value) {
  if (!groups.has(key)) groups.set(key, []);
  groups.get(key).push(value);
}

/** Return a quantile of ascending values, interpolated linearly. */
function computeQuantile(sorted, q) {
  const position = (sorted.length - 1) * q;
  const lower = Math.floor(position);
  return sorted[lower] + ((sorted[lower + 1] ?? sorted[lower]) - sorted[lower]) * (position - lower);
}

/** Sort the values in place, and return their median. */
const computeMedian = (values) => computeQuantile(values.sort((a, b) => a - b), 0.5);
