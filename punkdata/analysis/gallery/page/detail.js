// The pane that tells all of one punk.

const NEAREST = 8;

// Fill the pane; show(row) opens another punk, toggle(label) filters by a label.
function tell(pane, c, row, { show, toggle, close, step }) {
  const id = c.id[row];
  const label = (which) => {
    const hidden = c.hidden[row].includes(which - c.types.length);
    return element(
      "li",
      {},
      element(
        "button",
        {
          type: "button",
          className: hidden ? "label hidden-label" : "label",
          title: hidden ? "No pixel shows it: something else lies above" : "Only punks with this",
          onclick: () => toggle(which),
        },
        c.names[which],
        hidden ? " (hidden)" : "",
      ),
    );
  };
  const button = (text, name, onclick) =>
    element("button", { type: "button", "aria-label": name, title: name, onclick }, text);
  pane.replaceChildren(
    element(
      "div",
      { className: "title" },
      element("h2", { tabIndex: -1 }, `Punk ${id}`),
      button("←", "Previous punk", () => step(-1)),
      button("→", "Next punk", () => step(1)),
      button("✕", "Close", close),
    ),
    portrait(c, row, 12),
    element("h3", {}, "Labels"),
    element("ul", { className: "labels" }, ...c.labels[row].map(label)),
    element("h3", {}, "Facts"),
    facts(c, row),
    element("p", { className: "note" }, "Rarity grows as fewer punks have its type, each accessory, or as many of them."),
    element("h3", {}, "Prices"),
    ...prices(c, row),
    element("h3", {}, "Nearest punks"),
    element("p", { className: "note" }, "In how many of 576 pixels they differ."),
    element(
      "ul",
      { className: "nearest" },
      ...nearest(c, row, NEAREST).map(([other, differ]) =>
        element(
          "li",
          {},
          element(
            "button",
            {
              type: "button",
              onclick: () => show(other),
              "aria-label": `Punk ${c.id[other]}, ${plural(differ, "pixel")} different`,
            },
            portrait(c, other, 2),
            `#${c.id[other]} · ${differ}`,
          ),
        ),
      ),
    ),
  );
}

function portrait(c, row, factor) {
  const times = Math.max(1, Math.round(factor * window.devicePixelRatio));
  const canvas = element("canvas", {
    width: times * SIDE,
    height: times * SIDE,
    className: "portrait",
    role: "img",
    "aria-label": `Punk ${c.id[row]}`,
  });
  canvas.style.width = canvas.style.height = `${(times * SIDE) / window.devicePixelRatio}px`;
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(sheetOf(c, [row], 1), 0, 0, times * SIDE, times * SIDE);
  return canvas;
}

function table(pairs) {
  return element(
    "dl",
    {},
    ...pairs.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
  );
}

function facts(c, row) {
  return table([
    ["Accessories", `${c.accessories[row].length}`],
    ["Rarity", `${c.rarity[row].toFixed(1)} bits, rank ${grouped(c.rank[row])} of ${grouped(c.count)}`],
    ["Split", `${SPLITS[c.split[row]]} (by id: ${SPLITS[c.splitById[row]]})`],
  ]);
}

function prices(c, row) {
  if (!c.sales) return [element("p", { className: "note" }, c.noPrices)];
  const sales = c.salesOf[row];
  const listing = ["On offer for", c.listing[row] === null ? "–" : eth(c.listing[row])];
  if (!sales.length)
    return [table([["Sold", "never, as far as this snapshot knows"], listing])];
  const known = (price) => (price === null ? "–" : eth(price));
  const priced = sales.filter((sale) => c.sales.eth[sale] !== null);
  const line = (sale) => {
    const price = c.sales.eth[sale];
    return element(
      "tr",
      {},
      element("td", {}, day(c.sales.at[sale])),
      element("td", {}, price === null ? "not in ETH" : eth(price)),
    );
  };
  return [
    table([
      ["Sold", plural(c.saleCount[row], "time")],
      ["Last", known(c.last[row])],
      ["Median", known(c.median[row])],
      ["Highest", known(c.highest[row])],
      listing,
    ]),
    ...(priced.length > 1 ? [historyChart(c, row, priced)] : []),
    element(
      "table",
      { className: "sales" },
      element("caption", { className: "unseen" }, "All sales, the newest first"),
      element("tbody", {}, ...sales.toReversed().map(line)),
    ),
  ];
}
