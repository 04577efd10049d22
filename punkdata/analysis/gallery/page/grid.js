// The sprites on canvases, a strip of rows each: the browser scrolls them by itself, and only
// strips near the window exist.

const GAP = 2; // CSS pixels between punks
const CAPTION = 18; // below a punk that is large enough for one
const CAPTION_FROM = 60;
const STRIP = 600; // a strip's height, about
const AROUND = 600; // how far outside the window strips are drawn

class Grid {
  constructor(collection, { box, strips, cursor, option, open }) {
    Object.assign(this, { collection, box, strips, cursor, option, open });
    this.rows = [];
    this.caption = () => "";
    this.at = 0; // the place of the cursor
    this.drawn = new Map(); // number of a strip -> its canvas
    this.factor = 3;
    box.addEventListener("scroll", () => this.soon(), { passive: true });
    box.addEventListener("keydown", (event) => this.key(event));
    strips.addEventListener("click", (event) => this.click(event));
    new ResizeObserver(() => {
      const now = `${box.clientWidth} ${box.clientHeight} ${window.devicePixelRatio}`;
      if (now !== this.laidOut) this.layOut();
    }).observe(box);
  }

  // These rows next time, of which caption(row) tells what stands below each.
  take(rows, caption) {
    this.rows = rows;
    this.caption = caption;
    this.at = 0;
    this.box.scrollTop = 0;
  }

  layOut() {
    const { clientWidth, clientHeight, scrollTop } = this.box;
    if (!clientWidth) return; // while the charts are shown
    const [anchor, offset] = this.anchor(scrollTop);
    const density = window.devicePixelRatio;
    // A whole number of device pixels to each pixel of a sprite, or it would blur.
    this.size = (Math.max(1, Math.round(this.factor * density)) * SIDE) / density;
    this.below = this.size >= CAPTION_FROM ? CAPTION : 0;
    this.stepX = this.size + GAP;
    this.stepY = this.size + this.below + GAP;
    this.across = Math.max(1, Math.floor((clientWidth - GAP) / this.stepX));
    this.margin = Math.floor((clientWidth - this.across * this.stepX + GAP) / 2);
    this.lines = Math.ceil(this.rows.length / this.across);
    this.linesAStrip = Math.max(1, Math.round(STRIP / this.stepY));
    this.laidOut = `${clientWidth} ${clientHeight} ${density}`;
    this.strips.style.height = `${this.lines * this.stepY + GAP}px`;
    const below = Math.min(offset, clientHeight - this.stepY);
    this.box.scrollTop = this.position(anchor)[1] - Math.max(GAP, below);
    this.drawn.forEach((canvas) => canvas.remove());
    this.drawn.clear();
    this.drawNear();
    this.placeCursor();
  }

  // What is to stay where it is, as far below the window's top: the cursor, or what stands there.
  anchor(scrollTop) {
    if (!this.stepY) return [0, 0];
    const offset = this.position(this.at)[1] - scrollTop;
    if (offset > -this.stepY && offset < this.box.clientHeight) return [this.at, offset];
    return [Math.floor(scrollTop / this.stepY) * this.across, 0];
  }

  soon() {
    this.asked ??= requestAnimationFrame(() => {
      this.asked = null;
      this.drawNear();
    });
  }

  drawNear() {
    const high = this.linesAStrip * this.stepY;
    const top = this.box.scrollTop - AROUND;
    const first = Math.max(0, Math.floor(top / high));
    const last = Math.min(
      Math.ceil(this.lines / this.linesAStrip) - 1,
      Math.floor((this.box.scrollTop + this.box.clientHeight + AROUND) / high),
    );
    const spare = [];
    for (const [strip, canvas] of this.drawn) {
      if (strip < first || strip > last) {
        this.drawn.delete(strip);
        spare.push(canvas);
      }
    }
    for (let strip = first; strip <= last; strip++) {
      if (!this.drawn.has(strip)) this.drawn.set(strip, this.draw(strip, spare.pop()));
    }
    spare.forEach((canvas) => canvas.remove());
  }

  draw(strip, canvas = this.strips.appendChild(element("canvas", { "aria-hidden": "true" }))) {
    const density = window.devicePixelRatio;
    const from = strip * this.linesAStrip;
    const lines = Math.min(this.linesAStrip, this.lines - from);
    const width = Math.round(this.box.clientWidth * density);
    const height = Math.round(lines * this.stepY * density);
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
      canvas.style.width = `${width / density}px`;
      canvas.style.height = `${height / density}px`;
    }
    canvas.style.top = `${from * this.stepY + GAP}px`;
    const context = canvas.getContext("2d");
    const style = getComputedStyle(this.box);
    context.clearRect(0, 0, width, height);
    context.font = `${11 * density}px ${style.fontFamily}`;
    context.textAlign = "center";
    const size = Math.round(this.size * density);
    const background = style.getPropertyValue("--behind");
    const first = from * this.across;
    const shown = this.rows.slice(first, (from + lines) * this.across);
    const sheet = sheetOf(this.collection, shown, this.across);
    context.imageSmoothingEnabled = false;
    shown.forEach((row, i) => {
      const [x, y] = this.position(first + i);
      const left = Math.round(x * density);
      const top = Math.round((y - GAP - from * this.stepY) * density);
      context.fillStyle = background;
      context.fillRect(left, top, size, size);
      const at = [(i % this.across) * SIDE, Math.floor(i / this.across) * SIDE];
      context.drawImage(sheet, ...at, SIDE, SIDE, left, top, size, size);
      if (this.below) {
        context.fillStyle = style.color;
        context.fillText(this.caption(row), left + size / 2, top + size + 13 * density, size + GAP);
      }
    });
    return canvas;
  }

  // CSS pixels of a place's upper left corner, in all the strips.
  position(place) {
    const line = Math.floor(place / this.across);
    return [this.margin + (place % this.across) * this.stepX, line * this.stepY + GAP];
  }

  click(event) {
    if (event.detail > 1) return; // by the second click another punk may stand there
    const { left, top } = this.strips.getBoundingClientRect();
    const column = Math.floor((event.clientX - left - this.margin) / this.stepX);
    const line = Math.floor((event.clientY - top - GAP) / this.stepY);
    const place = line * this.across + column;
    if (column < 0 || column >= this.across || !(place in this.rows)) return;
    this.move(place);
    this.open(this.rows[place]);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.box.clientHeight / this.stepY)) * this.across;
    const steps = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -this.across,
      ArrowDown: this.across,
      PageUp: -page,
      PageDown: page,
      Home: -this.rows.length,
      End: this.rows.length,
    };
    if (event.key in steps && this.rows.length) {
      const goal = this.at + steps[event.key];
      this.move(Math.max(0, Math.min(this.rows.length - 1, goal)));
      this.followed?.(this.rows[this.at]);
    } else if ((event.key === "Enter" || event.key === " ") && this.rows.length) {
      this.open(this.rows[this.at]);
    } else return;
    event.preventDefault();
  }

  // Bring the cursor to a place, and the place into the window.
  move(place) {
    this.at = place;
    this.placeCursor();
    const [, y] = this.position(place);
    const bottom = y + this.stepY;
    if (y < this.box.scrollTop) this.box.scrollTop = y - GAP;
    else if (bottom > this.box.scrollTop + this.box.clientHeight)
      this.box.scrollTop = bottom - this.box.clientHeight;
  }

  // Whether the row is among those that are shown.
  moveToRow(row) {
    const place = this.rows.indexOf(row);
    if (place >= 0) this.move(place);
    return place >= 0;
  }

  placeCursor() {
    const row = this.rows[this.at];
    this.cursor.hidden = row === undefined;
    if (row === undefined) {
      this.option.textContent = "No punk";
      return;
    }
    const [x, y] = this.position(this.at);
    this.cursor.style.transform = `translate(${x}px, ${y}px)`;
    this.cursor.style.width = this.cursor.style.height = `${this.size}px`;
    // What a screen reader says: the canvases tell it nothing.
    const { id, labels, names } = this.collection;
    this.option.textContent = `Punk ${id[row]}: ${labels[row].map((i) => names[i]).join(", ")}`;
    this.option.setAttribute("aria-setsize", this.rows.length);
    this.option.setAttribute("aria-posinset", this.at + 1);
  }
}
