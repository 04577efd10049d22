// Names that are spelled like a text.

/** Return up to two names with a word that differs from a word by at most two letters. */
export function findSimilar(text, labelNames) {
  const distances = labelNames.map((name) => {
    const words = name.toLowerCase().split(" ");
    return Math.min(computeEditDistance(text, name.toLowerCase()), ...words.map((word) => computeEditDistance(text, word)));
  });
  const nearest = Math.min(...distances);
  if (nearest > Math.min(2, text.length / 3)) return [];
  return labelNames.filter((_, label) => distances[label] === nearest).slice(0, 2);
}

/** Return the number of letters to insert, delete or replace to get from one text to another. */
function computeEditDistance(from, to) {
  let previous = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const current = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = previous[j - 1] + (from[i - 1] !== to[j - 1]);
      current.push(Math.min(replaced, previous[j] + 1, current[j - 1] + 1));
    }
    previous = current;
  }
  return previous[to.length];
}
