// The view of the map, on which similar punks are near each other.

import { NO_MATCH_TEXT } from "../data/format.js";
import { createElement, createSvg } from "../dom/elements.js";
import { createColoring, readColoring } from "./colors.js";
import { createMapControls } from "./controls.js";
import { drawMap, getMark } from "./drawing.js";
import {
  createAreaTest,
  findBounds,
  fitMap,
  formatArea,
  getVisibleArea,
  panView,
  parseArea,
  resizeView,
  simplifyPolygon,
  toBox,
  toMap,
  zoomView,
} from "./geometry.js";
import { listenToGestures } from "./gestures.js";
import { findAt, findInDirection } from "./places.js";
import { createTip } from "./tip.js";

const MAP_KEY_HELP =
  "Arrow keys move to the next punk, Enter opens it, plus and minus zoom, and zero shows the whole map.";
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const MIN_REACH = 10; // pixels from the pointer to the center of a punk
const ZOOM_STEP = 1.6;

export const mapView = {
  name: "map",
  label: "Map",
  isAvailable: ({ map }) => map !== null,
  parameters: {
    mapColor: { key: "color", initial: "type", read: readColoring },
    area: {
      key: "area",
      initial: null, // corners [x, y] of a polygon on the map
      read: parseArea,
      write: formatArea,
      createFilter(area, { map }) {
        const isInside = createAreaTest(area);
        return (row) => isInside(map.x[row], map.y[row]);
      },
      describe: () => "in an area of the map",
    },
  },
  create: (box, app) => {
    const view = new MapView(box, app);
    return (change) => view.update(change);
  },
};

class MapView {
  constructor(box, app) {
    Object.assign(this, { box, app, collection: app.collection, rows: [], cursorRow: 0 });
    this.view = null; // the visible part of the map, see fitMap()
    this.lasso = null; // the places of a lasso that is being drawn
    this.createStage();
    this.controls = createMapControls(app, {
      onZoom: (steps) => this.zoom(ZOOM_STEP ** steps),
      onWhole: () => this.showWhole(),
      onSelectVisible: () => app.change({ area: getVisibleArea(this.view) }),
    });
    box.append(this.controls.bar, this.stage, this.controls.legend);
    box.addEventListener("focus", () => this.stage.focus({ preventScroll: true }));
    this.listen();
  }

  /** Create the box of the map: the canvas, lines above it, and what screen readers read. */
  createStage() {
    this.canvas = createElement("canvas", { "aria-hidden": "true" });
    this.lines = createSvg("svg", { class: "map-lines", "aria-hidden": "true" });
    this.tip = createTip(this.collection);
    this.option = createElement("div", {
      id: "map-option",
      className: "visually-hidden",
      role: "option",
      "aria-selected": "false",
    });
    this.noMatch = createElement("p", { className: "map-note", hidden: true }, NO_MATCH_TEXT);
    const help = createElement("p", { id: "map-help", className: "visually-hidden" }, MAP_KEY_HELP);
    this.stage = createElement(
      "div",
      {
        id: "map-stage",
        tabIndex: 0,
        role: "listbox",
        "aria-label": "Map of similar punks",
        "aria-describedby": "map-help",
        "aria-activedescendant": "map-option",
      },
      this.canvas,
      this.lines,
      this.tip.box,
      this.option,
      this.noMatch,
    );
    this.box.append(help);
  }

  listen() {
    listenToGestures(this.stage, {
      startsLasso: (event) => event.shiftKey || this.controls.isLasso(),
      onMove: (right, down) => this.show(panView(this.view, right, down)),
      onZoom: (factor, place) => this.zoom(factor, place),
      onHover: (place) => this.hover(place),
      onLasso: (places) => {
        this.lasso = places;
        this.updateLines();
      },
      onLassoEnd: (places) => this.endLasso(places),
      onClick: (place) => this.click(place),
    });
    this.stage.addEventListener("keydown", (event) => this.handleKey(event));
    this.stage.addEventListener("focus", () => this.updateLines());
    this.stage.addEventListener("blur", () => this.updateLines());
    new ResizeObserver(() => this.resize()).observe(this.stage);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.scheduleDrawing());
  }

  /** Show a new state; see VIEWS. */
  update({ state, rows, wasHidden, changed, hasNewRows }) {
    this.rows = rows;
    if (changed("mapColor")) this.coloring = createColoring(state.mapColor, this.collection);
    this.controls.update(state, this.coloring);
    this.noMatch.hidden = rows.length > 0;
    const openRow = this.collection.rowById.get(state.punk);
    if (openRow !== undefined) this.cursorRow = openRow;
    else if (hasNewRows && rows.length && !rows.includes(this.cursorRow)) this.cursorRow = rows[0];
    this.resize();
    if (openRow !== undefined && (changed("punk") || wasHidden)) this.reveal(openRow);
    if (hasNewRows || wasHidden || changed("mapColor")) this.scheduleDrawing();
    this.describeCursor();
    this.updateLines();
  }

  /** Fit the view to the size of the box. */
  resize() {
    const { clientWidth: width, clientHeight: height } = this.stage;
    if (!width || !height || (this.view?.width === width && this.view.height === height)) return;
    if (this.view) this.show(resizeView(this.view, width, height));
    else this.show(fitMap(width, height, findBounds(this.collection.map)));
  }

  /** Show another part of the map. */
  show(view) {
    this.view = view;
    this.hover(null);
    this.scheduleDrawing();
    this.updateLines();
  }

  showWhole() {
    this.show(fitMap(this.view.width, this.view.height, this.view.bounds));
  }

  zoom(factor, place) {
    this.show(zoomView(this.view, factor, place));
  }

  scheduleDrawing() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      const { collection, view, rows, coloring } = this;
      if (view) drawMap(this.canvas, { collection, view, rows, coloring });
    });
  }

  /** Draw the lasso or the selected area, and rings around the open punk and the cursor. */
  updateLines() {
    if (!this.view) return;
    const area = this.lasso ?? this.app.state.area?.map(([x, y]) => toBox(this.view, x, y));
    const points = area?.map((place) => place.join(",")).join(" ");
    const shapes = area ? [createSvg("polygon", { points, class: "map-area" })] : [];
    const isOpen = this.app.state.punk !== null;
    if (isOpen || document.activeElement === this.stage) {
      const [x, y] = this.getPlace(this.cursorRow);
      const size = getMark(this.view).size + 6;
      const square = { x: x - size / 2, y: y - size / 2, width: size, height: size };
      shapes.push(createSvg("rect", { ...square, class: "map-cursor" }));
    }
    this.lines.replaceChildren(...shapes);
  }

  getPlace(row) {
    const { x, y } = this.collection.map;
    return toBox(this.view, x[row], y[row]);
  }

  /** Return the selected punk at a place of the box, or undefined. */
  find(place) {
    const reach = Math.max(MIN_REACH, getMark(this.view).size / 2) / this.view.scale;
    return findAt(this.collection.map, this.rows, toMap(this.view, ...place), reach);
  }

  /** Show which punk is below the pointer; null hides it. */
  hover(place) {
    const row = place ? this.find(place) : undefined;
    this.stage.classList.toggle("hovers", row !== undefined);
    this.tip.show(row, row === undefined ? null : this.getPlace(row), this.view);
  }

  click(place) {
    const row = this.find(place);
    if (row === undefined) return;
    this.cursorRow = row;
    this.app.openPunk(row, true);
  }

  /** Select the punks inside a lasso; null gives it up. */
  endLasso(places) {
    this.lasso = null;
    this.controls.setLasso(false);
    if (places?.length > 2) {
      const corners = places.map((place) => toMap(this.view, ...place));
      this.app.change({ area: simplifyPolygon(corners) });
    } else this.updateLines();
  }

  handleKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { key } = event;
    if (key in ARROWS && this.rows.length) this.moveCursor(ARROWS[key]);
    else if ((key === "Enter" || key === " ") && this.rows.length) this.app.openPunk(this.cursorRow, true);
    else if (key === "+" || key === "=") this.zoom(ZOOM_STEP, this.getPlace(this.cursorRow));
    else if (key === "-") this.zoom(1 / ZOOM_STEP);
    else if (key === "0") this.showWhole();
    else return;
    event.preventDefault();
  }

  /** Move the cursor to the next punk in a direction, and the open pane with it. */
  moveCursor(direction) {
    this.cursorRow = findInDirection(this.collection.map, this.rows, this.cursorRow, direction);
    if (this.app.state.punk !== null) this.app.openPunk(this.cursorRow);
    this.reveal(this.cursorRow);
    this.describeCursor();
    this.updateLines();
  }

  /** Move the map so that a punk is visible. */
  reveal(row) {
    if (!this.view) return;
    const [x, y] = this.getPlace(row);
    const { width, height } = this.view;
    if (x < 0 || y < 0 || x > width || y > height) this.show(panView(this.view, width / 2 - x, height / 2 - y));
  }

  /** Describe the punk at the cursor to screen readers, because the canvas has no content for them. */
  describeCursor() {
    const { id, labels, labelNames } = this.collection;
    const names = labels[this.cursorRow].map((label) => labelNames[label]);
    this.option.textContent = this.rows.length ? `Punk ${id[this.cursorRow]}: ${names.join(", ")}` : "No punk";
  }
}
