// Filtering, sorting and counting: the rows that a state selects.

/** Return the rows that match the filters, in the order of the state. */
function selectRows(state, collection) {
  const values = SORTS[state.sort].values(collection);
  return sortRows(filterRows(state, collection), values, state.descending, collection.id);
}

/** Return the rows that match the filters, in the order of the collection. */
function filterRows(state, collection) {
  const types = new Uint32Array(BIT_WORDS);
  const accessories = new Uint32Array(BIT_WORDS);
  state.types.forEach((label) => setBit(types, 0, label));
  state.accessories.forEach((label) => setBit(accessories, 0, label));
  const ids = new Set(state.ids);
  const prices = collection[state.price];
  const rows = [];
  for (let row = 0; row < collection.count; row++) {
    const offset = row * BIT_WORDS;
    const numAccessories = collection.accessories[row].length;
    if (ids.size && !ids.has(collection.id[row])) continue;
    if (state.types.length && !(collection.labelBits[offset] & types[0])) continue;
    if (state.accessories.length && !hasLabels(collection.labelBits, offset, accessories, state.matchAny)) continue;
    if (state.minCount !== null && numAccessories < state.minCount) continue;
    if (state.maxCount !== null && numAccessories > state.maxCount) continue;
    if (state.split && collection.split[row] !== SPLITS.indexOf(state.split)) continue;
    // An unknown price is null, and matches no range.
    if (state.minPrice !== null && !(prices[row] !== null && prices[row] >= state.minPrice)) continue;
    if (state.maxPrice !== null && !(prices[row] !== null && prices[row] <= state.maxPrice)) continue;
    rows.push(row);
  }
  return rows;
}

/** Return whether a punk has all of the wanted labels or, with `matchAny`, one of them. */
function hasLabels(bits, offset, wanted, matchAny) {
  let hasAny = false;
  for (let word = 0; word < BIT_WORDS; word++) {
    const found = (bits[offset + word] & wanted[word]) >>> 0;
    if (!matchAny && found !== wanted[word]) return false;
    hasAny ||= found !== 0;
  }
  return matchAny ? hasAny : true;
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
function countLabels(collection, rows) {
  const counts = new Array(collection.labelNames.length).fill(0);
  for (const row of rows) for (const label of collection.labels[row]) counts[label]++;
  return counts;
}

/**
 * Count the punks that each label would select, given the other filters. Types are alternatives,
 * and so are accessories of which one suffices; their own filter is ignored in their counts.
 */
function countChoices(state, collection, rows) {
  const countWithout = (name) => countLabels(collection, filterRows({ ...state, [name]: [] }, collection));
  const typeCounts = state.types.length ? countWithout("types") : null;
  const accessoryCounts = state.matchAny && state.accessories.length ? countWithout("accessories") : null;
  const numTypes = collection.typeNames.length;
  return countLabels(collection, rows).map(
    (n, label) => (label < numTypes ? typeCounts?.[label] : accessoryCounts?.[label]) ?? n,
  );
}
