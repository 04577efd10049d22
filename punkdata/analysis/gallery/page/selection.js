// What a person has asked for: its place in the address, and the rows that answer it.

const PRICES = { last: "Last sale", highest: "Highest sale", median: "Median sale", listing: "Offer" };
const SORTS = {
  number: { label: "Number", of: (c) => c.id },
  rarity: { label: "Rarity", of: (c) => c.rarity, down: true },
  last: { label: "Last sale", of: (c) => c.last, down: true, priced: true },
  highest: { label: "Highest sale", of: (c) => c.highest, down: true, priced: true },
  median: { label: "Median sale", of: (c) => c.median, down: true, priced: true },
  listing: { label: "Offer", of: (c) => c.listing, priced: true },
  sales: { label: "Number of sales", of: (c) => c.saleCount, down: true, priced: true },
  date: { label: "Date of last sale", of: (c) => c.lastSoldAt, down: true, priced: true },
};
const SPLITS = ["train", "val", "test"];

const EVERYTHING = Object.freeze({
  types: [], // any of these labels; none means all
  accessories: [],
  any: false, // whether one of the accessories is enough
  least: null, // accessories
  most: null,
  price: "last",
  from: null, // ETH
  to: null,
  split: null,
  ids: [],
  sort: "number",
  down: false,
  view: "punks",
  size: null, // of a sprite, in times 24
  punk: null, // the id of the one that is open
});

// A number that a filter can have; null of any other text.
function numberIn(text) {
  const number = Number(text);
  return text !== "" && number >= 0 && number < Infinity ? number : null;
}

const hasSort = (c, name) => Object.hasOwn(SORTS, name) && (c.sales || !SORTS[name].priced);

function readAddress(hash, c) {
  const said = new URLSearchParams(hash.replace(/^#/, ""));
  const list = (name) => (said.get(name) ?? "").split(",").filter(Boolean);
  const labels = (name, among) =>
    list(name).map((label) => c.names.indexOf(label)).filter((label) => among(label));
  const range = (name) => {
    const [from = "", to = ""] = (said.get(name) ?? "").split("..");
    return [numberIn(from), numberIn(to)];
  };
  const [least, most] = range("count").map((n) => (n <= c.most ? n : null));
  const [from, to] = range("eth");
  const sort = (said.get("sort") ?? "").replace(/^-/, "");
  const size = numberIn(said.get("size") ?? "");
  const punk = numberIn(said.get("punk") ?? "");
  const ids = list("ids").map(Number);
  return {
    types: labels("type", (label) => label >= 0 && label < c.types.length),
    accessories: labels("with", (label) => label >= c.types.length),
    any: said.has("any"),
    least,
    most,
    price: Object.hasOwn(PRICES, said.get("price")) ? said.get("price") : EVERYTHING.price,
    from: c.sales ? from : null,
    to: c.sales ? to : null,
    split: SPLITS.includes(said.get("split")) ? said.get("split") : null,
    ids: ids.filter((id) => Number.isInteger(id)),
    sort: hasSort(c, sort) ? sort : EVERYTHING.sort,
    down: (said.get("sort") ?? "").startsWith("-"),
    view: said.get("view") === "charts" ? "charts" : "punks",
    size: size >= 1 && size <= 6 ? Math.round(size) : null,
    punk: c.rowOf.has(punk) ? punk : null,
  };
}

function writeAddress(state, c) {
  const says = new URLSearchParams();
  const put = (name, value) => value !== "" && says.set(name, value);
  const range = (from, to) => (from === null && to === null ? "" : `${from ?? ""}..${to ?? ""}`);
  put("type", state.types.map((label) => c.names[label]).join(","));
  put("with", state.accessories.map((label) => c.names[label]).join(","));
  if (state.any) says.set("any", "");
  put("count", range(state.least, state.most));
  put("eth", range(state.from, state.to));
  put("price", state.price === EVERYTHING.price ? "" : state.price);
  put("split", state.split ?? "");
  put("ids", state.ids.join(","));
  const isPlain = state.sort === EVERYTHING.sort && !state.down;
  put("sort", isPlain ? "" : `${state.down ? "-" : ""}${state.sort}`);
  put("view", state.view === EVERYTHING.view ? "" : state.view);
  put("size", state.size ?? "");
  put("punk", state.punk ?? "");
  return `#${says.toString().replaceAll("%2C", ",")}`;
}

const FILTERS = ["types", "accessories", "least", "most", "from", "to", "split", "ids"];

function isFiltered(state) {
  return FILTERS.some((name) =>
    Array.isArray(state[name]) ? state[name].length : state[name] !== null,
  );
}

// The state without what chooses some punks.
const unfiltered = (state) => ({
  ...state,
  ...Object.fromEntries([...FILTERS, "any", "price"].map((name) => [name, EVERYTHING[name]])),
});

// The rows that a state asks for, in its order.
function choose(state, c) {
  return sorted(matching(state, c), SORTS[state.sort].of(c), state.down, c.id);
}

function matching(state, c) {
  const types = new Uint32Array(WORDS);
  const worn = new Uint32Array(WORDS);
  state.types.forEach((label) => setBit(types, 0, label));
  state.accessories.forEach((label) => setBit(worn, 0, label));
  const ids = new Set(state.ids);
  const prices = c[state.price];
  const rows = [];
  for (let row = 0; row < c.count; row++) {
    const accessories = c.accessories[row].length;
    if (ids.size && !ids.has(c.id[row])) continue;
    if (state.types.length && !(c.bits[row * WORDS] & types[0])) continue;
    if (state.accessories.length && !wears(c.bits, row * WORDS, worn, state.any)) continue;
    if (state.least !== null && accessories < state.least) continue;
    if (state.most !== null && accessories > state.most) continue;
    if (state.split && c.split[row] !== SPLITS.indexOf(state.split)) continue;
    // null is no price: it is in no range.
    if (state.from !== null && !(prices[row] !== null && prices[row] >= state.from)) continue;
    if (state.to !== null && !(prices[row] !== null && prices[row] <= state.to)) continue;
    rows.push(row);
  }
  return rows;
}

// For each label, how many punks there would be of those that the other filters leave: types are
// alternatives, and so are accessories of which any is enough.
function countChoices(state, c, rows) {
  const ofTypes = state.types.length ? countLabels(c, matching({ ...state, types: [] }, c)) : null;
  const isAny = state.any && state.accessories.length;
  const others = isAny ? countLabels(c, matching({ ...state, accessories: [] }, c)) : null;
  const counts = countLabels(c, rows);
  return counts.map((n, label) => (label < c.types.length ? ofTypes?.[label] : others?.[label]) ?? n);
}

function countLabels(c, rows) {
  const counts = new Array(c.names.length).fill(0);
  for (const row of rows) for (const label of c.labels[row]) counts[label]++;
  return counts;
}

function wears(bits, offset, wanted, any) {
  let isAny = false;
  for (let word = 0; word < WORDS; word++) {
    const has = (bits[offset + word] & wanted[word]) >>> 0;
    if (!any && has !== wanted[word]) return false;
    isAny ||= has !== 0;
  }
  return any ? isAny : true;
}

// What has no value stands last, in both directions.
function sorted(rows, values, down, ids) {
  const sign = down ? -1 : 1;
  return rows.sort((a, b) => {
    const [one, other] = [values[a], values[b]];
    if (one === other) return ids[a] - ids[b];
    if (one === null) return 1;
    if (other === null) return -1;
    return sign * (one - other);
  });
}
