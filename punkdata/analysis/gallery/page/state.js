// The state of the page (filters, order, view), and its encoding in the fragment of the address.

const PRICE_KINDS = {
  last: "Last sale",
  highest: "Highest sale",
  median: "Median sale",
  listing: "Listing price",
};
const SORTS = {
  number: { label: "Number", values: (c) => c.id },
  rarity: { label: "Rarity, rare types first", values: (c) => c.rarityByType },
  rank: { label: "Rarity rank", values: (c) => c.rarityRank },
  last: { label: "Last sale", values: (c) => c.last, descending: true, needsPrices: true },
  highest: { label: "Highest sale", values: (c) => c.highest, descending: true, needsPrices: true },
  median: { label: "Median sale", values: (c) => c.median, descending: true, needsPrices: true },
  listing: { label: "Listing price", values: (c) => c.listing, needsPrices: true },
  sales: { label: "Number of sales", values: (c) => c.saleCount, descending: true, needsPrices: true },
  date: { label: "Date of last sale", values: (c) => c.lastSoldAt, descending: true, needsPrices: true },
};
const SPLITS = ["train", "val", "test"];

const DEFAULT_STATE = Object.freeze({
  types: [], // labels, of which a punk has one; an empty list selects all types
  accessories: [], // labels, all of which a punk has; see matchAny
  matchAny: false, // whether a punk needs only one of the accessories
  minCount: null, // number of accessories
  maxCount: null,
  price: "last", // the kind of price that the limits apply to
  minPrice: null, // ETH
  maxPrice: null,
  split: null,
  ids: [], // punk numbers; an empty list selects all punks
  sort: "number",
  descending: false,
  view: "punks",
  size: null, // CSS pixels per sprite pixel; null for the default
  punk: null, // number of the open punk
});
const FILTERS = ["types", "accessories", "minCount", "maxCount", "minPrice", "maxPrice", "split", "ids"];

/** Parse a non-negative number; return null for any other text. */
function parseNumber(text) {
  const number = Number(text);
  return text !== "" && number >= 0 && number < Infinity ? number : null;
}

const isSortAvailable = (collection, name) =>
  Object.hasOwn(SORTS, name) && (collection.sales || !SORTS[name].needsPrices);

/** Return the state that an address encodes. Values that are not valid are ignored. */
function readAddress(hash, collection) {
  const params = new URLSearchParams(hash.replace(/^#/, ""));
  const numTypes = collection.typeNames.length;
  const getList = (name) => (params.get(name) ?? "").split(",").filter(Boolean);
  const getLabels = (name, isAllowed) =>
    getList(name).map((label) => collection.labelNames.indexOf(label)).filter(isAllowed);
  const getRange = (name) => {
    const [min = "", max = ""] = (params.get(name) ?? "").split("..");
    return [parseNumber(min), parseNumber(max)];
  };
  const [minCount, maxCount] = getRange("count").map((n) => (n <= collection.maxAccessories ? n : null));
  const [minPrice, maxPrice] = getRange("eth");
  const sort = (params.get("sort") ?? "").replace(/^-/, "");
  const size = parseNumber(params.get("size") ?? "");
  const punk = parseNumber(params.get("punk") ?? "");
  const ids = getList("ids").map(Number);
  return {
    types: getLabels("type", (label) => label >= 0 && label < numTypes),
    accessories: getLabels("with", (label) => label >= numTypes),
    matchAny: params.has("any"),
    minCount,
    maxCount,
    price: Object.hasOwn(PRICE_KINDS, params.get("price")) ? params.get("price") : DEFAULT_STATE.price,
    minPrice: collection.sales ? minPrice : null,
    maxPrice: collection.sales ? maxPrice : null,
    split: SPLITS.includes(params.get("split")) ? params.get("split") : null,
    ids: ids.filter((id) => Number.isInteger(id)),
    sort: isSortAvailable(collection, sort) ? sort : DEFAULT_STATE.sort,
    descending: (params.get("sort") ?? "").startsWith("-"),
    view: params.get("view") === "charts" ? "charts" : "punks",
    size: size >= 1 && size <= 6 ? Math.round(size) : null,
    punk: collection.rowById.has(punk) ? punk : null,
  };
}

/** Return the fragment that encodes a state. Default values are left out. */
function writeAddress(state, collection) {
  const params = new URLSearchParams();
  const set = (name, value) => value !== "" && params.set(name, value);
  const formatRange = (min, max) => (min === null && max === null ? "" : `${min ?? ""}..${max ?? ""}`);
  set("type", state.types.map((label) => collection.labelNames[label]).join(","));
  set("with", state.accessories.map((label) => collection.labelNames[label]).join(","));
  if (state.matchAny) params.set("any", "");
  set("count", formatRange(state.minCount, state.maxCount));
  set("eth", formatRange(state.minPrice, state.maxPrice));
  set("price", state.price === DEFAULT_STATE.price ? "" : state.price);
  set("split", state.split ?? "");
  set("ids", state.ids.join(","));
  const isDefaultOrder = state.sort === DEFAULT_STATE.sort && !state.descending;
  set("sort", isDefaultOrder ? "" : `${state.descending ? "-" : ""}${state.sort}`);
  set("view", state.view === DEFAULT_STATE.view ? "" : state.view);
  set("size", state.size ?? "");
  set("punk", state.punk ?? "");
  return `#${params.toString().replaceAll("%2C", ",")}`;
}

/** Return whether any filter is set. */
function isFiltered(state) {
  return FILTERS.some((name) =>
    Array.isArray(state[name]) ? state[name].length : state[name] !== null,
  );
}

/** Return the state with all filters reset. */
const clearFilters = (state) => ({
  ...state,
  ...Object.fromEntries([...FILTERS, "matchAny", "price"].map((name) => [name, DEFAULT_STATE[name]])),
});
