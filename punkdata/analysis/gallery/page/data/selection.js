// Filtering, sorting and counting: the rows that a state selects.

import { isInitial, SORTS, splitSort } from "./state.js";

/** Return the rows that match the filters, in the order of the state. */
export function selectRows(state, collection, parameters) {
  const { name, descending } = splitSort(state.sort);
  return sortRows(filterRows(state, collection, parameters), SORTS[name].values(collection), descending, collection.id);
}

/** Return the rows that match the filters, in the order of the collection. */
export function filterRows(state, collection, parameters) {
  const tests = Object.keys(parameters)
    .filter((name) => parameters[name].createFilter && !isInitial(state, name, parameters))
    .map((name) => parameters[name].createFilter(state[name], collection, state));
  const rows = [];
  for (let row = 0; row < collection.count; row++) if (tests.every((test) => test(row))) rows.push(row);
  return rows;
}

/** Sort rows in place by their values, then by punk number. Null comes last in both directions. */
function sortRows(rows, values, descending, ids) {
  const sign = descending ? -1 : 1;
  return rows.sort((a, b) => {
    const [first, second] = [values[a], values[b]];
    if (first === second) return ids[a] - ids[b];
    if (first === null) return 1;
    if (second === null) return -1;
    return sign * (first - second);
  });
}

/** Count the punks with each label. */
export function countLabels(collection, rows) {
  const counts = new Array(collection.labelNames.length).fill(0);
  for (const row of rows) for (const label of collection.labels[row]) counts[label]++;
  return counts;
}

/**
 * Count the punks that each label would select, given the other filters. Types are alternatives,
 * and so are accessories of which one suffices; their own filter is ignored in their counts.
 */
export function countChoices(state, collection, parameters, rows) {
  const countWithout = (name) =>
    countLabels(collection, filterRows({ ...state, [name]: [] }, collection, parameters));
  const typeCounts = state.types.length ? countWithout("types") : null;
  const accessoryCounts = state.matchAny && state.accessories.length ? countWithout("accessories") : null;
  const numTypes = collection.typeNames.length;
  return countLabels(collection, rows).map(
    (n, label) => (label < numTypes ? typeCounts?.[label] : accessoryCounts?.[label]) ?? n,
  );
}
