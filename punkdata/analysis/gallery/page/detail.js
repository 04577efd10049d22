// The pane with the details of one punk.

const NUM_NEAREST = 8;
const PORTRAIT_FACTOR = 12; // CSS pixels per sprite pixel
const THUMBNAIL_FACTOR = 2;

/** Fill the pane with the details of a punk. */
function renderDetail(pane, collection, row, { openPunk, toggleLabel, close, step }) {
  const createButton = (text, name, onclick) =>
    createElement("button", { type: "button", "aria-label": name, title: name, onclick }, text);
  const createNote = (text) => createElement("p", { className: "note" }, text);
  pane.replaceChildren(
    createElement(
      "div",
      { className: "title" },
      createElement("h2", { tabIndex: -1 }, `Punk ${collection.id[row]}`),
      createButton("←", "Previous punk", () => step(-1)),
      createButton("→", "Next punk", () => step(1)),
      createButton("✕", "Close", close),
    ),
    createPortrait(collection, row, PORTRAIT_FACTOR),
    createElement("h3", {}, "Labels"),
    createLabelList(collection, row, toggleLabel),
    createElement("h3", {}, "Details"),
    createFacts(collection, row),
    createElement("h3", {}, "Rarity"),
    createRarity(collection, row),
    createNote(
      "The score is the sum of these terms relative to the mean of all punks. Each term is the " +
        "information of one trait: 1 bit if half of the punks have it, 2 bits if a quarter has it. " +
        "Accessories count too, so the rarest types do not always have the highest ranks.",
    ),
    ...(collection.sales ? [createElement("h3", {}, "Prices"), ...createPrices(collection, row)] : []),
    createElement("h3", {}, "Nearest punks"),
    createNote(`Punk number · number of pixels, of ${NUM_PIXELS}, that differ.`),
    createNearestList(collection, row, openPunk),
  );
}

/** Create the buttons of a punk's labels; a click filters by the label. */
function createLabelList(collection, row, toggleLabel) {
  const numTypes = collection.typeNames.length;
  const items = collection.labels[row].map((label) => {
    const isHidden = collection.hiddenAccessories[row].includes(label - numTypes);
    const button = createElement(
      "button",
      {
        type: "button",
        className: isHidden ? "label hidden-label" : "label",
        title: isHidden ? "Invisible: other layers cover all of its pixels" : "Filter by this label",
        onclick: () => toggleLabel(label),
      },
      collection.labelNames[label],
      isHidden ? " (hidden)" : "",
    );
    return createElement("li", {}, button);
  });
  return createElement("ul", { className: "labels" }, ...items);
}

/** Create a description list from pairs of term and description. */
function createDescriptionList(pairs) {
  return createElement(
    "dl",
    {},
    ...pairs.flatMap(([term, text]) => [createElement("dt", {}, term), createElement("dd", {}, text)]),
  );
}

/** Create the score and the rank of a punk, and the terms of the score. */
function createRarity(collection, row) {
  const rank = `rank ${formatCount(collection.rarityRank[row])} of ${formatCount(collection.count)}`;
  const numAccessories = collection.accessories[row].length;
  const terms = collection.labels[row].map((label) => [
    collection.labelNames[label],
    collection.rarityBits[label],
  ]);
  const count = numAccessories === 1 ? "1 accessory" : `${numAccessories} accessories`;
  terms.push([count, collection.rarityCountBits[numAccessories]]);
  return createDescriptionList([
    ["Score", `${collection.rarityScore[row].toFixed(2)}, ${rank}`],
    ...terms.map(([name, bits]) => [name, `${bits.toFixed(1)} bits`]),
  ]);
}

function createFacts(collection, row) {
  return createDescriptionList([
    ["Accessories", `${collection.accessories[row].length}`],
    ["Split", `${SPLITS[collection.split[row]]} (by_id: ${SPLITS[collection.splitById[row]]})`],
  ]);
}

/** Return how often a punk was sold. The market of the CryptoPunks and those of wrapped punks differ. */
function describeSaleCount(count, total) {
  const wrapped = total > count ? `, and ${formatCount(total - count)} as a wrapped punk` : "";
  return pluralize(count, "time") + wrapped;
}

/** Create the summary, chart and table of a punk's sales. */
function createPrices(collection, row) {
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

/** Create the buttons of the punks that differ in the fewest pixels. */
function createNearestList(collection, row, openPunk) {
  const items = findNearest(collection, row, NUM_NEAREST).map(([other, distance]) => {
    const button = createElement(
      "button",
      {
        type: "button",
        onclick: () => openPunk(other),
        "aria-label": `Punk ${collection.id[other]}, ${pluralize(distance, "pixel")} different`,
      },
      createPortrait(collection, other, THUMBNAIL_FACTOR),
      `#${collection.id[other]} · ${distance}`,
    );
    return createElement("li", {}, button);
  });
  return createElement("ul", { className: "nearest" }, ...items);
}
