// Drawing of the map: squares in the colors of their classes, or sprites where there is room.

import { SIDE } from "../data/pixels.js";
import { drawSpriteSheet } from "../dom/sprites.js";
import { NO_CLASS } from "./colors.js";
import { toBox } from "./geometry.js";

const SPACING = 16; // places between two punks that are next to each other
const MIN_SPRITE_SPACING = 20; // pixels between punks from which sprites are drawn
const TILE_OPACITY = 0.5; // of the square behind a sprite
const SHEET_COLUMNS = 32;
const RARE_SHARE = 0.01; // of the visible punks, below which a class is rare
const RARE_DOT = 5; // pixels of its dots at least
const MIN_DOT = 2; // pixels
const MAX_DOT = 14;

/** Return the side of a punk's square in pixels, and whether it has room for the sprite. */
export function getMark({ scale }) {
  const spacing = SPACING * scale;
  if (spacing >= MIN_SPRITE_SPACING) return { size: SIDE * Math.max(1, Math.floor(spacing / SIDE)), isSprite: true };
  return { size: Math.min(MAX_DOT, Math.max(MIN_DOT, spacing * 0.75)), isSprite: false };
}

/** Draw the visible punks; those that are not selected are faint, and below the others. */
export function drawMap(canvas, { collection, view, rows, coloring }) {
  const density = window.devicePixelRatio;
  canvas.width = Math.round(view.width * density);
  canvas.height = Math.round(view.height * density);
  const context = canvas.getContext("2d");
  context.scale(density, density);
  context.imageSmoothingEnabled = false;
  const style = getComputedStyle(canvas);
  const mark = getMark(view);
  const { others, selected } = splitVisible(collection, view, rows, mark.size);
  context.fillStyle = style.getPropertyValue("--faint");
  context.globalAlpha = selected.length ? 0.5 : 1;
  for (const { place } of others) fillMark(context, place, mark.size);
  context.globalAlpha = 1;
  const draw = mark.isSprite ? drawSprites : drawDots;
  draw(context, { collection, coloring, style, marks: selected, size: mark.size });
}

/** Return the visible punks, each with its row and its place in the box. */
function splitVisible({ map, count }, view, rows, margin) {
  const isSelected = new Uint8Array(count);
  for (const row of rows) isSelected[row] = 1;
  const [others, selected] = [[], []];
  for (let row = 0; row < count; row++) {
    const place = toBox(view, map.x[row], map.y[row]);
    const isVisible =
      place[0] > -margin && place[1] > -margin && place[0] < view.width + margin && place[1] < view.height + margin;
    if (isVisible) (isSelected[row] ? selected : others).push({ row, place });
  }
  return { others, selected };
}

const fillMark = (context, [x, y], size) => context.fillRect(x - size / 2, y - size / 2, size, size);

/** Draw the punks class by class, because changing the color takes longer than drawing. */
function drawDots(context, { coloring, style, marks, size }) {
  const { classes, entries } = coloring;
  const draw = (number, color, dot = size) => {
    context.fillStyle = style.getPropertyValue(color);
    for (const { row, place } of marks) if (classes[row] === number) fillMark(context, place, dot);
  };
  draw(NO_CLASS, "--faint");
  // Common classes first, so that they do not cover the rare ones, which are larger.
  const counts = new Array(NO_CLASS + 1).fill(0);
  for (const { row } of marks) counts[classes[row]]++;
  const present = entries.map((_, number) => number).filter((number) => counts[number]);
  present.sort((a, b) => counts[b] - counts[a]);
  const isRare = (number) => counts[number] < RARE_SHARE * marks.length;
  for (const number of present) draw(number, entries[number].color, isRare(number) ? Math.max(RARE_DOT, size) : size);
}

/** Draw sprites over squares in the colors of their classes. */
function drawSprites(context, { collection, coloring, style, marks, size }) {
  if (!marks.length) return;
  const sheet = drawSpriteSheet(collection, marks.map(({ row }) => row), SHEET_COLUMNS);
  const colors = coloring.entries.map(({ color }) => style.getPropertyValue(color));
  marks.forEach(({ row, place: [x, y] }, i) => {
    const [left, top] = [Math.round(x - size / 2), Math.round(y - size / 2)];
    context.fillStyle = colors[coloring.classes[row]] ?? style.getPropertyValue("--faint");
    context.globalAlpha = TILE_OPACITY;
    context.fillRect(left, top, size, size);
    context.globalAlpha = 1;
    const source = [(i % SHEET_COLUMNS) * SIDE, Math.floor(i / SHEET_COLUMNS) * SIDE];
    context.drawImage(sheet, ...source, SIDE, SIDE, left, top, size, size);
  });
}
