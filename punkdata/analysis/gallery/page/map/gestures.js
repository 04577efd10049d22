// Gestures on the map: dragging, the wheel, two fingers, lassos, hovering and clicks.

const MIN_DRAG = 5; // pixels, below which a press is a click
const WHEEL_SPEED = 0.0015; // of the logarithm of the zoom, for each pixel of the wheel

/**
 * Report the gestures on an element. Places are pixels from its upper left corner.
 *
 * - `startsLasso(event)`: whether a press starts a lasso, and not a move.
 * - `onMove(right, down)`, `onZoom(factor, place)`, `onHover(place)`, with null at the end.
 * - `onLasso(places)` while a lasso is drawn, and `onLassoEnd(places)`, with null if it is given up.
 * - `onClick(place)`.
 */
export function listenToGestures(element, { startsLasso, onMove, onZoom, onHover, onLasso, onLassoEnd, onClick }) {
  const pointers = new Map(); // place of each pressed pointer
  let start = null; // place of the first press
  let hasMoved = false;
  let lasso = null; // places so far
  const getPlace = (event) => {
    const { left, top } = element.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  };
  const endLasso = (places) => {
    if (lasso) onLassoEnd(places);
    lasso = null;
  };
  /** Move and zoom so that the places below two fingers stay there. */
  const pinch = (previous, place, other) => {
    onZoom(measure(place, other) / Math.max(1, measure(previous, other)), average(previous, other));
    onMove((place[0] - previous[0]) / 2, (place[1] - previous[1]) / 2);
  };
  const drag = (event, place) => {
    const previous = pointers.get(event.pointerId);
    pointers.set(event.pointerId, place);
    hasMoved ||= measure(start, place) >= MIN_DRAG;
    if (!hasMoved) return;
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) pinch(previous, place, other);
    else if (lasso) onLasso((lasso = [...lasso, place]));
    else onMove(place[0] - previous[0], place[1] - previous[1]);
  };
  const release = (event) => {
    if (!pointers.delete(event.pointerId)) return;
    const isEnd = event.type === "pointerup";
    if (isEnd && !hasMoved && !pointers.size) onClick(getPlace(event));
    endLasso(isEnd && hasMoved ? lasso : null);
  };
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.target.closest("button")) return;
    pointers.set(event.pointerId, getPlace(event));
    element.setPointerCapture(event.pointerId);
    onHover(null);
    if (pointers.size > 1) {
      hasMoved = true; // Two fingers do not click.
      endLasso(null);
      return;
    }
    start = getPlace(event);
    hasMoved = false;
    lasso = startsLasso(event) ? [start] : null;
  });
  element.addEventListener("pointermove", (event) => {
    if (pointers.has(event.pointerId)) drag(event, getPlace(event));
    else if (event.pointerType === "mouse") onHover(getPlace(event));
  });
  element.addEventListener("pointerup", release);
  element.addEventListener("pointercancel", release);
  element.addEventListener("pointerleave", () => onHover(null));
  element.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      onZoom(Math.exp(-event.deltaY * WHEEL_SPEED), getPlace(event));
    },
    { passive: false },
  );
}

const measure = ([ax, ay], [bx, by]) => Math.hypot(ax - bx, ay - by);
const average = ([ax, ay], [bx, by]) => [(ax + bx) / 2, (ay + by) / 2];
