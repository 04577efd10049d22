// The language of the search field, for example: zombie mohawk -earring #2140 >50eth
//
// A query is a list of terms: words of a type or an accessory, punk numbers, comparisons, and accounts
// that own or traded it. A punk matches if it matches every term; of several types, and of several numbers, one
// suffices.

import { findRowsOf } from "../sales/accounts.js";
import { findSimilar } from "./similar.js";

const FILLERS = new Set(["a", "an", "and", "or", "punk", "punks", "the", "with"]);
const NEGATIONS = new Set(["no", "not", "without"]);
const MAX_WORDS = 4; // of the longest name of an accessory

/** What a comparison can be about: the values by row, given the collection and the state. */
const FIELDS = {
  eth: (collection, state) => collection[state.price],
  price: (collection, state) => collection[state.price],
  rank: (collection) => collection.rarityRank,
  sales: (collection) => (collection.sales ? collection.saleCount : null),
  accessories: (collection) => collection.accessories.map((list) => list.length),
};
const OPERATORS = {
  ">": (value, limit) => value > limit,
  ">=": (value, limit) => value >= limit,
  "<": (value, limit) => value < limit,
  "<=": (value, limit) => value <= limit,
  "=": (value, limit) => value === limit,
};

const NUMBER = String.raw`\d[\d,]*(?:\.\d+)?|\.\d+`;
const COMPARISON = new RegExp(
  String.raw`(?:(${Object.keys(FIELDS).join("|")})\s*)?([<>]=?|[=≥≤])\s*(${NUMBER})?(?:\s*eth\b)?`,
  "iy",
);
const RANGE = new RegExp(String.raw`(${NUMBER})\s*\.\.\s*(${NUMBER})(?:\s*eth\b)?`, "iy");
const AMOUNT = new RegExp(String.raw`(${NUMBER})\s*eth\b`, "iy");
const ID = /#?(\d+)(?![^\s,;])/y;
const ACCOUNT = /(?:(owner|seller|buyer)\s*=\s*)?0x([0-9a-f]+)(?:(?:…|\.{3})([0-9a-f]+))?(?![^\s,;])/iy;
const QUOTED = /"([^"]*)"/y;
const WORD = /[^\s,;"<>=≥≤]+/y;

/**
 * Split a query into tokens: { kind, negated, start, end } with the position in the text, and
 * `text` of a word or a quoted name, `id`, `field`, `operator` and `limit` of a comparison (of a
 * range, `limits`), or `role`, `first` and `last` digits of an account. The `limit` of a comparison
 * that is not complete is null.
 */
export function splitQuery(text) {
  const tokens = [];
  let at = 0;
  let negatedFrom = null; // where a minus sign or "without" stands
  const matchAt = (pattern) => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  const add = (kind, match, values) => {
    tokens.push({ kind, negated: negatedFrom !== null, start: negatedFrom ?? at, end: at + match[0].length, ...values });
    at += match[0].length;
    negatedFrom = null;
  };
  while (at < text.length) {
    let match;
    if (/[\s,;]/.test(text[at])) at++;
    else if (text[at] === "-") negatedFrom = at++;
    else if ((match = matchAt(ACCOUNT))) {
      const [role, first, last] = match.slice(1).map((part) => part?.toLowerCase());
      add("account", match, { role, first, last });
    } else if ((match = matchAt(RANGE))) {
      add("comparison", match, { field: "eth", limits: [parseAmount(match[1]), parseAmount(match[2])] });
    } else if ((match = matchAt(COMPARISON))) {
      const operator = match[2].replace("≥", ">=").replace("≤", "<=");
      const limit = match[3] === undefined ? null : parseAmount(match[3]);
      add("comparison", match, { field: match[1]?.toLowerCase() ?? "eth", operator, limit });
    } else if ((match = matchAt(AMOUNT))) {
      add("comparison", match, { field: "eth", operator: "=", limit: parseAmount(match[1]) });
    } else if ((match = matchAt(ID))) add("id", match, { id: Number(match[1]) });
    else if ((match = matchAt(QUOTED))) add("name", match, { text: match[1].trim().toLowerCase() });
    else if ((match = matchAt(WORD))) {
      const word = match[0].toLowerCase();
      if (NEGATIONS.has(word)) {
        negatedFrom ??= at;
        at += match[0].length;
      } else add("word", match, { text: word });
    } else at++; // A quotation mark without its end.
  }
  return tokens;
}

const parseAmount = (text) => Number(text.replaceAll(",", ""));

/** Return the labels that have words beginning with a phrase, for example four kinds of "mohawk". */
export function findLabels(phrase, { labelNames }) {
  const find = (text) =>
    [...labelNames.keys()].filter((label) => ` ${labelNames[label].toLowerCase()}`.includes(` ${text}`));
  const found = find(phrase);
  return found.length || !phrase.endsWith("s") ? found : find(phrase.slice(0, -1)); // "zombies"
}

/**
 * Parse a query into { labels, ids, comparisons, accounts, unknown }, each a list of terms with `negated`,
 * `start` and `end`. `labels` have the alternatives as `labels`, and `unknown` have their `text`.
 */
export function parseQuery(text, collection) {
  const query = { labels: [], ids: [], comparisons: [], accounts: [], unknown: [] };
  const tokens = splitQuery(text);
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    if (token.kind === "id") query.ids.push(token);
    else if (token.kind === "account") query.accounts.push(token);
    else if (token.kind === "comparison") {
      if (token.limit !== null) query.comparisons.push(token);
    } else if (token.negated && token.text === "accessories") {
      query.comparisons.push({ ...token, negated: false, field: "accessories", operator: "=", limit: 0 });
    } else {
      const [term, numTokens] =
        token.kind === "name" ? [findName(token, collection), 1] : findLongestPhrase(tokens, i, collection);
      const isAlternative = tokens[i - 1]?.text === "or" && query.labels.length > 0 && !term.negated;
      if (term.labels.length && isAlternative) query.labels.push(joinTerms(query.labels.pop(), term));
      else if (term.labels.length) query.labels.push(term);
      else if (term.text && !FILLERS.has(term.text) && !isFieldStart(term.text, term.end === text.length))
        query.unknown.push(term);
      i += numTokens - 1;
    }
  }
  return query;
}

/** Return whether the last word is the start of a comparison, for example "rank" of "rank<100". */
const isFieldStart = (text, isLast) => isLast && Object.keys(FIELDS).some((field) => field.startsWith(text));

const joinTerms = (first, second) => ({ ...second, alternatives: [...(first.alternatives ?? []), first] });

/** Return the term of the label with exactly this name. */
const findName = (token, { labelNames }) => ({
  ...token,
  labels: [...labelNames.keys()].filter((label) => labelNames[label].toLowerCase() === token.text),
});

/** Return [term, number of words] for as many words from `first` on as begin a label's words. */
function findLongestPhrase(tokens, first, collection) {
  const isContinued = (i) => tokens[i]?.kind === "word" && (i === first || !tokens[i].negated);
  let end = first;
  while (end - first < MAX_WORDS && isContinued(end)) end++;
  for (; end > first; end--) {
    const words = tokens.slice(first, end);
    const text = words.map((word) => word.text).join(" ");
    const labels = FILLERS.has(text) ? [] : findLabels(text, collection);
    if (labels.length || words.length === 1)
      return [{ ...words[0], text, labels, end: words.at(-1).end }, words.length];
  }
}

/** Return the test (row) => boolean whether a punk matches a query. Unknown words match nothing. */
export function createQueryFilter(text, collection, state) {
  const { labels, ids, comparisons, accounts, unknown } = parseQuery(text, collection);
  if (unknown.length) return () => false;
  const numTypes = collection.typeNames.length;
  const hasAny = (row, wanted) => collection.labels[row].some((label) => wanted.has(label));
  const tests = [];
  const addTest = (negated, test) => tests.push(negated ? (row) => !test(row) : test);
  const types = new Set();
  for (const term of labels) {
    const isType = !term.alternatives && term.labels.every((label) => label < numTypes);
    if (isType && !term.negated) term.labels.forEach((label) => types.add(label));
    else {
      const wanted = new Set([term, ...(term.alternatives ?? [])].flatMap((part) => part.labels));
      addTest(term.negated, (row) => hasAny(row, wanted));
    }
  }
  if (types.size) addTest(false, (row) => types.has(collection.type[row]));
  for (const negated of [false, true]) {
    const wanted = new Set(ids.filter((term) => term.negated === negated).map(({ id }) => id));
    if (wanted.size) addTest(negated, (row) => wanted.has(collection.id[row]));
  }
  for (const { negated, field, operator, limit, limits } of comparisons) {
    const values = FIELDS[field](collection, state);
    const compare = limits ? (value) => value >= limits[0] && value <= limits[1] : (value) => OPERATORS[operator](value, limit);
    // An unknown price is null, and matches no comparison.
    tests.push((row) => values !== null && values[row] !== null && compare(values[row]) !== negated);
  }
  for (const account of accounts) {
    const rows = findRowsOf(collection, account);
    addTest(account.negated, (row) => rows.has(row));
  }
  return (row) => tests.every((test) => test(row));
}

/** Return the number of the punk if a query is nothing else, or null. */
export function getOnlyId(text, { rowById }) {
  const [token, ...others] = splitQuery(text).filter((word) => !FILLERS.has(word.text));
  return token?.kind === "id" && !token.negated && !others.length && rowById.has(token.id) ? token.id : null;
}

/** Return a sentence that says why a query matches nothing, or null if there is no special reason. */
export function describeQueryProblem(text, collection) {
  const { ids, comparisons, accounts, unknown } = parseQuery(text, collection);
  if (unknown.length) {
    const names = unknown.map((term) => `“${term.text}”`).join(" or ");
    const guesses = findSimilar(unknown[0].text, collection.labelNames);
    return `No type or accessory is called ${names}.${guesses.length ? ` Did you mean ${guesses.join(" or ")}?` : ""}`;
  }
  const missing = ids.filter((term) => !term.negated && !collection.rowById.has(term.id));
  if (missing.length && missing.length === ids.length)
    return `No punk in this snapshot has the number ${missing.map(({ id }) => id).join(" or ")}.`;
  const needsSales = comparisons.some(({ field }) => ["eth", "price", "sales"].includes(field));
  if (needsSales && !collection.sales) return collection.noPricesHelp;
  if (accounts.some((account) => !account.negated && !findRowsOf(collection, account).size))
    return "No punk in this snapshot belongs to this account or was traded by it.";
  return null;
}
