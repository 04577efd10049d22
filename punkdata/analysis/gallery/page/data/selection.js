// Filtering, sorting and counting: the rows that a state selects.

import { isInitial, SORTS, splitSort } from "./state.js";

/** Return the rows that match the filters, in the order of the state. */
export const selectRows = (state, collection, parameters) =>
  filterRows(state, collection, parameters, getOrder(collection, state.sort));

/** Return those of the rows that match the filters; by default, of all in the collection's order. */
export function filterRows(state, collection, parameters, rows = getOrder(collection, null)) {
  const tests = Object.keys(parameters)
    .filter((name) => parameters[name].createFilter && !isInitial(state, name, parameters))
    .map((name) => parameters[name].createFilter(state[name], collection, state));
  return rows.filter((row) => tests.every((test) => test(row)));
}

/** Return all rows in an order, or as they are stored for null; computed only once for each. */
function getOrder(collection, sort) {
  const orders = (collection.orders ??= new Map());
  if (!orders.has(sort)) {
    const rows = [...collection.id.keys()];
    if (sort !== null) {
      const { name, descending } = splitSort(sort);
      sortRows(rows, SORTS[name].values(collection), descending, collection.id);
    }
    orders.set(sort, rows);
  }
  return orders.get(sort);
}

/** Sort rows in place by their values, then by punk number. Null comes last in both directions. */
function sortRows(rows, values, descending, ids) {
  const sign = descending ? -1 : 1;
  rows.sort((a, b) => {
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
