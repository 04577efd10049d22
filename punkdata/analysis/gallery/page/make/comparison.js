// How an outfit compares with the real punks: who else has it, how rare it is, and who is nearest.

/** Return the pixels of a sprite in another palette; -1 for colors that it lacks. */
export function convertPixels(pixels, fromPalette, toPalette) {
  const table = fromPalette.map((color) => toPalette.indexOf(color));
  return Int16Array.from(pixels, (color) => table[color]);
}

/** Return the rows of the punks with the labels of an outfit, whatever their skin tone. */
export function findSameLabels({ accessories, type }, outfit) {
  const wanted = `${outfit.accessories}`;
  return [...type.keys()].filter((row) => type[row] === outfit.type && `${accessories[row]}` === wanted);
}

/**
 * Say whether a real punk has this outfit or looks the same. `nearest` is the result of findNearest.
 * Returns the `text` and, if there is such a punk, its `row`.
 */
export function describeNovelty(collection, tones, outfit, nearest) {
  const name = (row) => `punk ${collection.id[row]}`;
  const same = findSameLabels(collection, outfit);
  const twin = same.find((row) => tones[row] === outfit.tone);
  if (twin !== undefined) return { row: twin, text: `This is ${name(twin)}.` };
  const [row, distance] = nearest[0] ?? [undefined, Infinity];
  if (distance === 0) return { row, text: `Nobody has these labels, but it looks exactly like ${name(row)}.` };
  if (same.length) return { text: `Nobody has this. In another skin tone, it is ${name(same[0])}.` };
  return { text: "Nobody has this: no real punk has these labels." };
}

/**
 * Return the rarity of an outfit among the punks: the terms as [name, bits], with null bits for what no
 * punk has; the score without those; and the rank of this score.
 */
export function computeRarity(collection, { type, accessories }) {
  const { labels, labelNames, rarityBits, rarityCountBits } = collection;
  const numTypes = collection.typeNames.length;
  const terms = [type, ...accessories.map((accessory) => numTypes + accessory)].map((label) => [
    labelNames[label],
    labels.some((list) => list.includes(label)) ? rarityBits[label] : null,
  ]);
  const hasPunks = collection.accessories.some((list) => list.length === accessories.length);
  terms.push([
    accessories.length === 1 ? "1 accessory" : `${accessories.length} accessories`,
    hasPunks ? rarityCountBits[accessories.length] : null,
  ]);
  const bits = terms.reduce((sum, [, term]) => sum + (term ?? 0), 0);
  const score = bits / computeMeanBits(collection);
  const rank = 1 + collection.rarityScore.filter((other) => other > score + 1e-9).length;
  return { terms, score, rank };
}

/** Return the mean of the sum of the terms of a punk, or 1 if all are 0. */
function computeMeanBits({ labels, accessories, rarityBits, rarityCountBits }) {
  const bits = labels.map((list, row) =>
    list.reduce((sum, label) => sum + rarityBits[label], rarityCountBits[accessories[row].length]),
  );
  return bits.reduce((a, b) => a + b, 0) / bits.length || 1;
}
