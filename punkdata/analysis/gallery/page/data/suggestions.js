// Suggestions for the word that is being typed in the search field.

import { formatCount } from "./format.js";
import { findLabels, parseQuery } from "./query.js";
import { countLabels, filterRows } from "./selection.js";
import { findSimilar } from "./similar.js";

const MAX_SUGGESTIONS = 8;

/** Return what to suggest for an empty field: examples of all that can be searched for. */
export const listExamples = ({ sales }) => [
  { query: "zombie mohawk", note: "zombies with any mohawk" },
  { query: "hoodie -earring", note: "a hoodie, and no earring" },
  { query: "tiara or fedora", note: "one of the two" },
  { query: '"cap"', note: "exactly this, not Knitted Cap" },
  { query: "accessories=7", note: "number of accessories" },
  { query: "rank<=100", note: "rarity rank" },
  { query: "2140", note: "punk number" },
  ...(sales ? [{ query: ">50eth", note: "price, see Filters" }] : []),
].map((example) => ({ ...example, text: example.query }));

/**
 * Return up to eight suggestions for the last word of a query. Each has its text and a note, the
 * query that contains it, and the row of a punk that has the label.
 */
export function suggestLabels(state, collection, parameters) {
  const { labels, unknown } = parseQuery(state.query, collection);
  const term = [...labels, ...unknown].find(({ end }) => end === state.query.length);
  if (!term) return [];
  const candidates = term.labels.length ? term.labels : findSimilarLabels(term.text, collection);
  if (candidates.length === 1 && collection.labelNames[candidates[0]].toLowerCase() === term.text) return [];
  const before = state.query.slice(0, term.start);
  const counts = countLabels(collection, filterRows({ ...state, query: before }, collection, parameters));
  return candidates
    .sort((a, b) => Math.sign(counts[b]) - Math.sign(counts[a]) || a - b)
    .slice(0, MAX_SUGGESTIONS)
    .map((label) => ({
      text: `${term.negated ? "without " : ""}${collection.labelNames[label]}`,
      note: term.negated ? "" : formatCount(counts[label]),
      query: `${before}${term.negated ? "-" : ""}${writeName(label, collection)} `,
      row: collection.labels.findIndex((list) => list.includes(label)),
    }));
}

const findSimilarLabels = (text, { labelNames }) =>
  findSimilar(text, labelNames).map((name) => labelNames.indexOf(name));

/** Return a label as it is written in a query: in quotation marks if it is the start of other ones. */
function writeName(label, collection) {
  const name = collection.labelNames[label].toLowerCase();
  return findLabels(name, collection).length > 1 ? `"${name}"` : name;
}
