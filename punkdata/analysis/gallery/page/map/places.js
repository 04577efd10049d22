// The places of the punks on the map.

/** Return `x` and `y` of each punk from three bytes each, 12 bits for x and 12 bits for y, in base64. */
export function unpackPlaces(text) {
  const bytes = atob(text);
  const count = bytes.length / 3;
  const [x, y] = [new Uint16Array(count), new Uint16Array(count)];
  for (let row = 0; row < count; row++) {
    const middle = bytes.charCodeAt(3 * row + 1);
    x[row] = (bytes.charCodeAt(3 * row) << 4) | (middle >> 4);
    y[row] = ((middle & 15) << 8) | bytes.charCodeAt(3 * row + 2);
  }
  return { x, y };
}

/** Return the nearest of these rows to a place, or undefined if none is within the distance. */
export function findAt({ x, y }, rows, [left, top], maxDistance) {
  let found;
  let smallest = maxDistance ** 2;
  for (const row of rows) {
    const distance = (x[row] - left) ** 2 + (y[row] - top) ** 2;
    if (distance <= smallest) [found, smallest] = [row, distance];
  }
  return found;
}

/**
 * Return the row that an arrow key leads to: the nearest one in the quarter of its direction, where
 * the distance across counts twice. It is the same row if there is none.
 */
export function findInDirection({ x, y }, rows, from, [right, down]) {
  let found = from;
  let smallest = Infinity;
  for (const row of rows) {
    const [dx, dy] = [x[row] - x[from], y[row] - y[from]];
    const along = dx * right + dy * down;
    const across = Math.abs(dx * down) + Math.abs(dy * right);
    if (along <= 0 || across > along || along + 2 * across >= smallest) continue;
    [found, smallest] = [row, along + 2 * across];
  }
  return found;
}
