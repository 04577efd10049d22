// The grid of sprites. It draws on canvases of several grid rows each ("strips"), so that the
// browser scrolls them natively, and only strips near the visible part exist.

import { formatCompact, formatCount } from "../data/format.js";
import { SIDE } from "../data/pixels.js";
import { splitSort } from "../data/state.js";
import { createElement } from "../dom/elements.js";
import { drawSpriteSheet } from "../dom/sprites.js";

export const DEFAULT_FACTOR = 3; // CSS pixels per sprite pixel
const GAP = 2; // CSS pixels between punks
const CAPTION_HEIGHT = 18; // CSS pixels below each punk
const CAPTION_MIN_SIZE = 60; // CSS pixels of a punk, below which captions are left out
const STRIP_HEIGHT = 600; // approximate height of a strip in CSS pixels
const OVERSCAN = 600; // CSS pixels above and below the visible part for which strips are drawn

/** Return the function from a row to its caption: the punk's number, and the value it is sorted by. */
export function createCaption(collection, sort) {
  const { name } = splitSort(sort);
  const formatDay = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);
  const formatAmount = (eth) => (eth > 0 && eth < 0.001 ? "<0.001" : formatCompact(Number(eth.toPrecision(3))));
  const prices = collection[name]; // undefined unless the order is by a kind of price
  const formatPriceOf = (row) => (prices?.[row] != null ? formatAmount(prices[row]) : null);
  const formatValue = {
    rarity: (row) => formatCount(collection.rarityRank[row]),
    rank: (row) => formatCount(collection.rarityRank[row]),
    confidence: (row) => `${(100 * collection.predictions.confidence[row]).toFixed(1)}%`,
    sales: (row) => `${collection.saleCount[row]}×`,
    date: (row) => (collection.lastSoldAt[row] === null ? null : formatDay(collection.lastSoldAt[row])),
  }[name] ?? formatPriceOf;
  return (row) => {
    const text = formatValue(row);
    return text === null ? `#${collection.id[row]}` : `${collection.id[row]} · ${text}`;
  };
}

export class Grid {
  /**
   * `onOpen(row)` is called when a punk is clicked, `onMove(row)` when a key moves the cursor, and
   * `onCompare(row)` when C is pressed.
   */
  constructor(collection, { box, strips, cursor, option, onOpen, onMove, onCompare }) {
    Object.assign(this, { collection, box, strips, cursor, option, onOpen, onMove, onCompare });
    this.rows = [];
    this.getCaption = () => "";
    this.cursorIndex = 0;
    this.canvases = new Map(); // by index of the strip
    this.factor = DEFAULT_FACTOR;
    box.addEventListener("scroll", () => this.scheduleDrawing(), { passive: true });
    box.addEventListener("keydown", (event) => this.handleKey(event));
    strips.addEventListener("click", (event) => this.handleClick(event));
    new ResizeObserver(() => {
      const layoutKey = `${box.clientWidth} ${box.clientHeight} ${window.devicePixelRatio}`;
      if (layoutKey !== this.layoutKey) this.updateLayout();
    }).observe(box);
  }

  /** Replace the rows; the next updateLayout() draws them. */
  setRows(rows, getCaption) {
    this.rows = rows;
    this.getCaption = getCaption;
    this.cursorIndex = 0;
    this.box.scrollTop = 0;
  }

  /** Compute the layout for the current size, and draw everything. Keeps the scroll position. */
  updateLayout() {
    const { clientWidth, clientHeight, scrollTop } = this.box;
    if (!clientWidth) return; // The grid is hidden while another view is shown.
    const [anchorIndex, anchorOffset] = this.getScrollAnchor(scrollTop);
    const density = window.devicePixelRatio;
    // An integer number of device pixels per sprite pixel keeps the edges sharp.
    this.size = (Math.max(1, Math.round(this.factor * density)) * SIDE) / density;
    this.captionHeight = this.size >= CAPTION_MIN_SIZE ? CAPTION_HEIGHT : 0;
    this.stepX = this.size + GAP;
    this.stepY = this.size + this.captionHeight + GAP;
    this.columns = Math.max(1, Math.floor((clientWidth - GAP) / this.stepX));
    this.margin = Math.floor((clientWidth - this.columns * this.stepX + GAP) / 2);
    this.numLines = Math.ceil(this.rows.length / this.columns);
    this.linesPerStrip = Math.max(1, Math.round(STRIP_HEIGHT / this.stepY));
    this.layoutKey = `${clientWidth} ${clientHeight} ${density}`;
    this.strips.style.height = `${this.numLines * this.stepY + GAP}px`;
    const offset = Math.min(anchorOffset, clientHeight - this.stepY);
    this.box.scrollTop = this.getPosition(anchorIndex)[1] - Math.max(GAP, offset);
    this.canvases.forEach((canvas) => canvas.remove());
    this.canvases.clear();
    this.drawVisibleStrips();
    this.updateCursor();
  }

  /** Return [index, offset from the top] of the punk to keep in place: the cursor if visible. */
  getScrollAnchor(scrollTop) {
    if (!this.stepY) return [0, 0];
    const offset = this.getPosition(this.cursorIndex)[1] - scrollTop;
    if (offset > -this.stepY && offset < this.box.clientHeight) return [this.cursorIndex, offset];
    return [Math.floor(scrollTop / this.stepY) * this.columns, 0];
  }

  /** Draw the visible strips in the next animation frame. */
  scheduleDrawing() {
    this.animationFrame ??= requestAnimationFrame(() => {
      this.animationFrame = null;
      this.drawVisibleStrips();
    });
  }

  /** Draw missing strips near the visible part, reusing the canvases of strips far away. */
  drawVisibleStrips() {
    const stripHeight = this.linesPerStrip * this.stepY;
    const top = this.box.scrollTop - OVERSCAN;
    const first = Math.max(0, Math.floor(top / stripHeight));
    const last = Math.min(
      Math.ceil(this.numLines / this.linesPerStrip) - 1,
      Math.floor((this.box.scrollTop + this.box.clientHeight + OVERSCAN) / stripHeight),
    );
    const unused = [];
    for (const [strip, canvas] of this.canvases) {
      if (strip < first || strip > last) {
        this.canvases.delete(strip);
        unused.push(canvas);
      }
    }
    for (let strip = first; strip <= last; strip++) {
      if (this.canvases.has(strip)) continue;
      const canvas = unused.pop() ?? this.strips.appendChild(createElement("canvas", { "aria-hidden": "true" }));
      this.drawStrip(strip, canvas);
      this.canvases.set(strip, canvas);
    }
    unused.forEach((canvas) => canvas.remove());
  }

  /** Draw one strip on a canvas, and place the canvas. */
  drawStrip(strip, canvas) {
    const density = window.devicePixelRatio;
    const firstLine = strip * this.linesPerStrip;
    const numLines = Math.min(this.linesPerStrip, this.numLines - firstLine);
    const width = Math.round(this.box.clientWidth * density);
    const height = Math.round(numLines * this.stepY * density);
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
      canvas.style.width = `${width / density}px`;
      canvas.style.height = `${height / density}px`;
    }
    canvas.style.top = `${firstLine * this.stepY + GAP}px`;
    const context = canvas.getContext("2d");
    const style = getComputedStyle(this.box);
    context.clearRect(0, 0, width, height);
    context.font = `${11 * density}px ${style.fontFamily}`;
    context.textAlign = "center";
    const size = Math.round(this.size * density);
    const background = style.getPropertyValue("--sprite-background");
    const firstIndex = firstLine * this.columns;
    const rows = this.rows.slice(firstIndex, (firstLine + numLines) * this.columns);
    const sheet = drawSpriteSheet(this.collection, rows, this.columns);
    context.imageSmoothingEnabled = false;
    rows.forEach((row, i) => {
      const [x, y] = this.getPosition(firstIndex + i);
      const left = Math.round(x * density);
      const top = Math.round((y - GAP - firstLine * this.stepY) * density);
      context.fillStyle = background;
      context.fillRect(left, top, size, size);
      const source = [(i % this.columns) * SIDE, Math.floor(i / this.columns) * SIDE];
      context.drawImage(sheet, ...source, SIDE, SIDE, left, top, size, size);
      if (this.captionHeight) {
        context.fillStyle = style.color;
        context.fillText(this.getCaption(row), left + size / 2, top + size + 13 * density, size - 2 * GAP * density);
      }
    });
  }

  /** Return the upper left corner of a punk in CSS pixels, relative to all strips. */
  getPosition(index) {
    const line = Math.floor(index / this.columns);
    return [this.margin + (index % this.columns) * this.stepX, line * this.stepY + GAP];
  }

  handleClick(event) {
    // The first click of a double click may have changed the layout below the pointer.
    if (event.detail > 1) return;
    const { left, top } = this.strips.getBoundingClientRect();
    const column = Math.floor((event.clientX - left - this.margin) / this.stepX);
    const line = Math.floor((event.clientY - top - GAP) / this.stepY);
    const index = line * this.columns + column;
    if (column < 0 || column >= this.columns || !(index in this.rows)) return;
    this.moveCursor(index);
    this.onOpen(this.rows[index]);
  }

  handleKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.box.clientHeight / this.stepY)) * this.columns;
    const steps = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -this.columns,
      ArrowDown: this.columns,
      PageUp: -page,
      PageDown: page,
      Home: -this.rows.length,
      End: this.rows.length,
    };
    if (event.key in steps && this.rows.length) {
      const target = this.cursorIndex + steps[event.key];
      this.moveCursor(Math.max(0, Math.min(this.rows.length - 1, target)));
      this.onMove(this.rows[this.cursorIndex]);
    } else if ((event.key === "Enter" || event.key === " ") && this.rows.length) {
      this.onOpen(this.rows[this.cursorIndex]);
    } else if (event.key.toLowerCase() === "c" && this.rows.length) {
      this.onCompare(this.rows[this.cursorIndex]);
    } else return;
    event.preventDefault();
  }

  /** Move the cursor to an index, and scroll it into view. */
  moveCursor(index) {
    this.cursorIndex = index;
    this.updateCursor();
    const [, top] = this.getPosition(index);
    const bottom = top + this.stepY;
    if (top < this.box.scrollTop) this.box.scrollTop = top - GAP;
    else if (bottom > this.box.scrollTop + this.box.clientHeight)
      this.box.scrollTop = bottom - this.box.clientHeight;
  }

  /** Move the cursor to a row; return false if the row is not shown. */
  moveCursorToRow(row) {
    const index = this.rows.indexOf(row);
    if (index >= 0) this.moveCursor(index);
    return index >= 0;
  }

  /** Place the cursor's outline, and describe its punk to screen readers. */
  updateCursor() {
    const row = this.rows[this.cursorIndex];
    this.cursor.hidden = row === undefined;
    if (row === undefined) {
      this.option.textContent = "No punk";
      return;
    }
    const [x, y] = this.getPosition(this.cursorIndex);
    this.cursor.style.transform = `translate(${x}px, ${y}px)`;
    this.cursor.style.width = this.cursor.style.height = `${this.size}px`;
    // Screen readers read this text, because the canvases have no content for them.
    const { id, labels, labelNames } = this.collection;
    this.option.textContent = `Punk ${id[row]}: ${labels[row].map((i) => labelNames[i]).join(", ")}`;
    this.option.setAttribute("aria-setsize", this.rows.length);
    this.option.setAttribute("aria-posinset", this.cursorIndex + 1);
  }
}
