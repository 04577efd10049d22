// The geometry of the map: views of a part of it, and areas as polygons.

const MIN_CORNER = -4096; // The places of punks are from 0 to 4095.
const MAX_CORNER = 8192;
const FILL = 0.95; // share of the box that the whole map fills
const MAX_SCALE = 4.5; // pixels of the box for each place
const MAX_CORNERS = 60; // of a lasso in an address

/** Return the smallest and the largest x and y of the punks: [left, top, right, bottom]. */
export function findBounds({ x, y }) {
  const smallest = (values) => values.reduce((a, b) => Math.min(a, b));
  const largest = (values) => values.reduce((a, b) => Math.max(a, b));
  return [smallest(x), smallest(y), largest(x), largest(y)];
}

/**
 * Return the view of the whole map in a box of this size in pixels. A view has the pixels for each
 * place, `scale`, the smallest such scale, and the place at the center of the box, `x` and `y`.
 */
export function fitMap(width, height, bounds) {
  const [left, top, right, bottom] = bounds;
  const fitting = Math.min(width / (right - left + 1), height / (bottom - top + 1)) * FILL;
  const scale = Math.min(MAX_SCALE, fitting);
  return { scale, minScale: scale, x: (left + right) / 2, y: (top + bottom) / 2, width, height, bounds };
}

/** Return the view for another size of the box, with the same scale and center if possible. */
export function resizeView(view, width, height) {
  const { minScale } = fitMap(width, height, view.bounds);
  const scale = view.scale === view.minScale ? minScale : Math.max(minScale, view.scale);
  return limitView({ ...view, width, height, scale, minScale });
}

/** Convert a place on the map to pixels of the box. */
export const toBox = (view, x, y) => [
  (x - view.x) * view.scale + view.width / 2,
  (y - view.y) * view.scale + view.height / 2,
];

/** Convert pixels of the box to a place on the map. */
export const toMap = (view, left, top) => [
  (left - view.width / 2) / view.scale + view.x,
  (top - view.height / 2) / view.scale + view.y,
];

/** Zoom by a factor around a place of the box, by default its center. */
export function zoomView(view, factor, [left, top] = [view.width / 2, view.height / 2]) {
  const scale = Math.min(MAX_SCALE, Math.max(view.minScale, view.scale * factor));
  const [x, y] = toMap(view, left, top);
  const moved = { ...view, scale };
  moved.x = x - (left - view.width / 2) / scale;
  moved.y = y - (top - view.height / 2) / scale;
  return limitView(moved);
}

/** Move the view by pixels of the box. */
export const panView = (view, right, down) =>
  limitView({ ...view, x: view.x - right / view.scale, y: view.y - down / view.scale });

/** Keep the center of the box on the map, and the whole map in its middle. */
function limitView(view) {
  const [left, top, right, bottom] = view.bounds;
  if (view.scale === view.minScale) return fitMap(view.width, view.height, view.bounds);
  const limit = (center, min, max) => Math.min(max, Math.max(min, center));
  return { ...view, x: limit(view.x, left, right), y: limit(view.y, top, bottom) };
}

/** Return the test (x, y) => boolean whether a place is inside a polygon of places [x, y]. */
export function createAreaTest(polygon) {
  const xs = polygon.map(([x]) => x);
  const ys = polygon.map(([, y]) => y);
  const [left, top, right, bottom] = findBounds({ x: xs, y: ys });
  return (x, y) => {
    if (x < left || x > right || y < top || y > bottom) return false;
    let inside = false;
    for (let i = 0, j = xs.length - 1; i < xs.length; j = i++)
      if (ys[i] > y !== ys[j] > y && x < ((xs[j] - xs[i]) * (y - ys[i])) / (ys[j] - ys[i]) + xs[i]) inside = !inside;
    return inside;
  };
}

/** Remove corners of a polygon until few enough are left, those first that change it the least. */
export function simplifyPolygon(points, maxCorners = MAX_CORNERS) {
  const corners = points.map(roundCorner);
  const getArea = (i) => {
    const [a, b, c] = [corners.at(i - 1), corners[i], corners[(i + 1) % corners.length]];
    return Math.abs((b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]));
  };
  while (corners.length > maxCorners) {
    let smallest = 0;
    for (let i = 1; i < corners.length; i++) if (getArea(i) < getArea(smallest)) smallest = i;
    corners.splice(smallest, 1);
  }
  return corners;
}

/** Return the text of a polygon in an address: x.y,x.y,… */
export const formatArea = (area) => (area ?? []).map((corner) => corner.join(".")).join(",");

/** Parse the text of a polygon; return null unless it has 3 to 60 corners on the map. */
export function parseArea(text) {
  const area = text.split(",").map((corner) => corner.split(".").map(Number));
  const isValid = ([x, y, ...rest]) =>
    [x, y].every((n) => Number.isInteger(n) && n >= MIN_CORNER && n <= MAX_CORNER) && !rest.length;
  return area.length >= 3 && area.length <= MAX_CORNERS && area.every(isValid) ? area : null;
}

/** Return the visible part of the map as a polygon. */
export function getVisibleArea(view) {
  const [left, top] = roundCorner(toMap(view, 0, 0));
  const [right, bottom] = roundCorner(toMap(view, view.width, view.height));
  return [[left, top], [right, top], [right, bottom], [left, bottom]];
}

const roundCorner = (corner) =>
  corner.map((n) => Math.round(Math.min(MAX_CORNER, Math.max(MIN_CORNER, n))));
