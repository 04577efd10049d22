// The charts: what was paid, how often, and who carries what.

const TWO_COLUMNS_FROM = 1000; // CSS pixels
const FIGURE = 34; // its padding and border, both sides

// All charts of the chosen rows, for a box of this width in CSS pixels.
function allCharts(c, rows, toggle, width) {
  const full = width - FIGURE;
  const half = width < TWO_COLUMNS_FROM ? full : (width - 16) / 2 - FIGURE;
  if (!rows.length) return [element("p", { className: "note wide" }, "No punk has all that is asked for.")];
  const labels = labelCounts(c, rows, toggle);
  if (!c.sales) return [element("p", { className: "note wide" }, c.noPrices), labels];
  const sales = rows.flatMap((row) => c.salesOf[row]);
  const priced = sales.filter((sale) => c.sales.eth[sale] !== null);
  if (!priced.length)
    return [element("p", { className: "note wide" }, "None of these punks was sold for ETH."), labels];
  const all = monthsOf(c.sales);
  const months = priced.map((sale) => all[sale]);
  const range = [months.reduce((a, b) => Math.min(a, b)), months.reduce((a, b) => Math.max(a, b))];
  return [
    priceByType(c, priced, months, range, full),
    salesAMonth(c, sales, range, half),
    priceByCount(c, rows, half),
    labels,
  ];
}

function priceByType(c, priced, months, range, wide) {
  const byType = c.types.map(() => new Map());
  priced.forEach((sale, i) => {
    const byMonth = byType[c.type[c.sales.row[sale]]];
    gather(byMonth, months[i], c.sales.eth[sale]);
  });
  const lines = byType.map((byMonth) =>
    [...byMonth].map(([month, values]) => [month, middle(values), values.length]).sort((a, b) => a[0] - b[0]),
  );
  return chart({
    title: "Price by type over time",
    note: `Median of each month's sales, in ETH.${given(lines.flat().map(([, price]) => price))}`,
    wide,
    className: "wide",
    left: span(lines.flat().map(([, price]) => price)),
    bottom: { range, ticks: yearTicks(...range) },
    log: true,
    key: lines.flatMap((line, type) =>
      line.length ? [element("li", { className: `key-${type}` }, c.types[type])] : [],
    ),
    head: ["Type", "Month", "Median, ETH", "Sales"],
    rows: () =>
      lines.flatMap((line, type) =>
        line.map(([month, price, n]) => [c.types[type], monthName(month), number(price), n]),
      ),
    draw: (x, y) =>
      lines.flatMap((line, type) => {
        if (!line.length) return [];
        // A line ends where a month has no sale.
        const path = line.map(([month, price], i) => {
          const joins = i && month - line[i - 1][0] === 1;
          return `${joins ? "L" : "M"}${x(month).toFixed(1)} ${y(price).toFixed(1)}`;
        });
        const dots = line.map(([month, price, n]) =>
          svg(
            "circle",
            { cx: x(month).toFixed(1), cy: y(price).toFixed(1), r: 2.5, class: `fill-${type}` },
            svg("title", {}, `${c.types[type]}, ${monthName(month)}: ${eth(price)} (${plural(n, "sale")})`),
          ),
        );
        return [svg("path", { d: path.join(""), class: `trace line-${type}` }), ...dots];
      }),
  });
}

function salesAMonth(c, sales, range, wide) {
  const counts = new Map();
  for (const sale of sales) {
    const month = monthsOf(c.sales)[sale];
    counts.set(month, (counts.get(month) ?? 0) + 1);
  }
  const line = [...counts].sort((a, b) => a[0] - b[0]);
  const [first, last] = [Math.min(range[0], line[0][0]), Math.max(range[1], line.at(-1)[0])];
  const across = (wide - INSET.left - INSET.right) / (last - first + 1);
  return chart({
    wide,
    title: "Sales a month",
    note: `${plural(sales.length, "sale")}, ${monthName(first)} to ${monthName(last)}.`,
    left: [0, Math.max(...counts.values())],
    bottom: { range: [first, last + 1], ticks: yearTicks(first, last) },
    head: ["Month", "Sales"],
    rows: () => line.map(([month, n]) => [monthName(month), n]),
    whole: true,
    draw: (x, y, floor) =>
      line.map(([month, n]) =>
        svg(
          "rect",
          { x: x(month), y: y(n), width: Math.max(1, across - 1), height: floor - y(n), class: "bar" },
          svg("title", {}, `${monthName(month)}: ${plural(n, "sale")}`),
        ),
      ),
  });
}

function priceByCount(c, rows, wide) {
  const byCount = new Map();
  for (const row of rows) {
    if (c.last[row] === null) continue;
    gather(byCount, c.accessories[row].length, c.last[row]);
  }
  const boxes = [...byCount]
    .sort((a, b) => a[0] - b[0])
    .map(([n, values]) => {
      values.sort((a, b) => a - b);
      return [n, values.length, ...[0.1, 0.25, 0.5, 0.75, 0.9].map((share) => quantile(values, share))];
    });
  const counts = boxes.map(([n]) => n);
  return chart({
    title: "Price by number of accessories",
    note: `Last sales in ETH, old ones, too: median, half of all in the box, 80 % between the ends.${given(
      boxes.flatMap((box) => box.slice(2)),
    )}`,
    wide,
    left: span(boxes.flatMap((box) => [box[2], box[6]])),
    bottom: {
      range: [Math.min(...counts) - 0.6, Math.max(...counts) + 0.6],
      ticks: boxes.map(([n]) => [n, `${n}`]),
    },
    log: true,
    head: ["Accessories", "Punks sold", "10 %", "25 %", "Median", "75 %", "90 %"],
    rows: () => boxes.map(([n, many, ...q]) => [n, many, ...q.map(number)]),
    draw: (x, y) =>
      boxes.map(([n, many, low, lower, mid, upper, top]) => {
        const half = Math.min(30, Math.abs(x(1) - x(0)) * 0.35);
        return svg(
          "g",
          {},
          svg("title", {}, `${plural(n, "accessory", "accessories")}, ${plural(many, "punk")}: ${eth(mid)}`),
          svg("line", { x1: x(n), x2: x(n), y1: y(low), y2: y(top), class: "whisker" }),
          svg("rect", { x: x(n) - half, width: 2 * half, y: y(upper), height: Math.max(1, y(lower) - y(upper)), class: "bar" }),
          svg("line", { x1: x(n) - half, x2: x(n) + half, y1: y(mid), y2: y(mid), class: "median" }),
        );
      }),
  });
}

// A table of bars; each name filters.
function labelCounts(c, rows, toggle) {
  const counts = countLabels(c, rows);
  const order = counts.map((_, label) => label).filter((label) => counts[label]);
  order.sort((a, b) => counts[b] - counts[a] || a - b);
  const line = (label) => {
    const bar = element("div", { className: "bar" });
    bar.style.width = `${(100 * counts[label]) / rows.length}%`;
    const share = `${((100 * counts[label]) / rows.length).toFixed(1)} %`;
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, element("button", { type: "button", "data-label": label, onclick: () => toggle(label) }, c.names[label])),
      element("td", {}, grouped(counts[label])),
      element("td", {}, share),
      element("td", { "aria-hidden": "true" }, bar),
    );
  };
  const part = (name, labels) =>
    element(
      "table",
      { className: "counts" },
      element("caption", {}, name),
      element("tbody", {}, ...labels.map(line)),
    );
  const isType = (label) => label < c.types.length;
  return element(
    "figure",
    { className: "wide" },
    element("figcaption", {}, element("h2", {}, "Labels"), element("p", { className: "note" }, `How many of ${plural(rows.length, "punk")} carry each. A name filters by it.`)),
    part("Types", order.filter(isType)),
    part("Accessories", order.filter((label) => !isType(label))),
  );
}

function historyChart(c, row, priced) {
  const points = priced.map((sale) => [c.sales.at[sale], c.sales.eth[sale]]);
  const times = points.map(([at]) => at);
  const values = points.map(([, price]) => price);
  const range = [Math.min(...times), Math.max(...times)];
  return chart({
    title: "History",
    note: `Each sale, in ETH.${given(values)}`,
    left: span(values),
    bottom: { range, ticks: range.map((at) => [at, `${new Date(at * 1000).getUTCFullYear()}`]) },
    log: true,
    wide: 330,
    high: 170,
    draw: (x, y) => [
      svg("path", { d: points.map(([at, price], i) => `${i ? "L" : "M"}${x(at)} ${y(price)}`).join(""), class: `trace line-${c.type[row]}` }),
      ...points.map(([at, price]) =>
        svg("circle", { cx: x(at), cy: y(price), r: 3, class: `fill-${c.type[row]}` }, svg("title", {}, `${day(at)}: ${eth(price)}`)),
      ),
    ],
  });
}
