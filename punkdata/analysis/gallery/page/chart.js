// One chart as SVG, with its numbers in a table: axes, scales and medians.

const HIGH = 300;
const LEAST_ETH = 0.001; // for less, punks are given away: it is drawn as this
const INSET = { top: 14, right: 14, bottom: 30, left: 58 };
const MONTH = new Intl.DateTimeFormat("en", { year: "numeric", month: "short", timeZone: "UTC" });

function svg(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Linear from [a, b] to pixels [p, q]; with `log`, of the logarithm.
function scale(a, b, p, q, log = false) {
  const f = log ? (x) => Math.log10(Math.max(x, LEAST_ETH)) : (x) => x;
  const whole = f(b) - f(a) || 1;
  return (x) => p + ((f(x) - f(a)) / whole) * (q - p);
}

// Round numbers for an axis: 0, 20, 40 … or, for logarithms, 1, 10, 100 …
function ticks(a, b, log, whole) {
  if (log) {
    const low = Math.floor(Math.log10(a));
    const high = Math.ceil(Math.log10(b));
    return Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
  }
  const rough = (b - a) / 5 || 1;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const fine = unit * [1, 2, 5, 10].find((times) => times * unit >= rough);
  const step = whole ? Math.max(1, fine) : fine;
  const found = [];
  for (let at = Math.ceil(a / step) * step; at <= b; at += step) found.push(at);
  return found;
}

// An empty chart with its axes; draw(x, y) gives the shapes.
function chart({ title, note, left, bottom, log, whole, wide, high = HIGH, className, key, head, rows, draw }) {
  const [a, b] = left;
  const marks = ticks(a, b, log, whole);
  const low = log ? marks[0] : a;
  const top = log ? marks.at(-1) : b;
  const y = scale(low, top, high - INSET.bottom, INSET.top, log);
  const x = scale(...bottom.range, INSET.left, wide - INSET.right);
  const lines = marks.filter((mark) => mark >= low && mark <= top).flatMap((mark) => [
    svg("line", { x1: INSET.left, x2: wide - INSET.right, y1: y(mark), y2: y(mark), class: "rule" }),
    svg("text", { x: INSET.left - 6, y: y(mark) + 4, class: "end" }, short(mark)),
  ]);
  let free = -Infinity; // names that would lie on each other are left out
  const apart = bottom.ticks.filter(([at, text]) => {
    const half = text.length * 3.5 + 4;
    const fits = x(at) - half >= free;
    if (fits) free = x(at) + half;
    return fits;
  });
  const names = apart.map(([at, text]) => {
    const isLast = x(at) + text.length * 3.5 > wide; // its name would leave the picture
    return svg("text", { x: x(at), y: high - 10, class: isLast ? "end" : "middle" }, text);
  });
  return element(
    "figure",
    { className: className ?? "" },
    element(
      "figcaption",
      {},
      element("h2", {}, title),
      element("p", { className: "note" }, note),
      ...(key ? [element("ul", { className: "key" }, ...key)] : []),
    ),
    svg(
      "svg",
      { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": `${title}. ${note}` },
      ...lines,
      ...names,
      ...draw(x, y, high - INSET.bottom),
    ),
    ...(rows ? [numbers(head, rows)] : []),
  );
}

function short(n) {
  if (n >= 1e6) return `${n / 1e6}M`;
  if (n >= 1e4) return `${n / 1e3}k`;
  return Number(n.toPrecision(6)).toLocaleString("en", { maximumSignificantDigits: 6 });
}

function numbers(head, rows) {
  const cells = (tag, of) => of.map((text) => element(tag, {}, text));
  const made = element("details", {}, element("summary", {}, "The numbers"));
  made.addEventListener("toggle", () => { // made when asked for: they may be many
    if (made.open && made.children.length === 1)
      made.append(
        element(
          "div",
          { className: "numbers", tabIndex: 0 },
          element(
            "table",
            {},
            element("thead", {}, element("tr", {}, ...cells("th", head))),
            element("tbody", {}, ...rows().map((row) => element("tr", {}, ...cells("td", row)))),
          ),
        ),
      );
  });
  return made;
}

const given = (prices) =>
  prices.some((price) => price < LEAST_ETH) ? ` Less than ${LEAST_ETH} is drawn as that.` : "";

// From the least to the greatest price, of those that are drawn.
function span(prices) {
  const drawn = prices.map((price) => Math.max(price, LEAST_ETH));
  return [drawn.reduce((a, b) => Math.min(a, b)), drawn.reduce((a, b) => Math.max(a, b))];
}

function gather(groups, key, value) {
  if (!groups.has(key)) groups.set(key, []);
  groups.get(key).push(value);
}

function quantile(ordered, share) {
  const at = (ordered.length - 1) * share;
  const low = Math.floor(at);
  return ordered[low] + ((ordered[low + 1] ?? ordered[low]) - ordered[low]) * (at - low);
}

const middle = (values) => quantile(values.sort((a, b) => a - b), 0.5);
// The month of each sale, counted from the year 0; worked out once.
function monthsOf(sales) {
  sales.month ??= sales.at.map((seconds) => {
    const date = new Date(seconds * 1000);
    return date.getUTCFullYear() * 12 + date.getUTCMonth();
  });
  return sales.month;
}

const monthName = (month) => MONTH.format(Date.UTC(Math.floor(month / 12), month % 12));

function yearTicks(first, last) {
  const years = [];
  for (let month = Math.ceil(first / 12) * 12; month <= last; month += 12) years.push(month);
  const every = Math.ceil(years.length / 10);
  if (years.length < 2) return [first, last].map((month) => [month, monthName(month)]);
  return years.filter((_, i) => i % every === 0).map((month) => [month, `${month / 12}`]);
}
