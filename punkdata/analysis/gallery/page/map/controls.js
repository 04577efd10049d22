// The controls of the map and its legend.

import { createElement } from "../dom/elements.js";
import { listColorings } from "./colors.js";

const LASSO_HELP = "Drag around punks to select them (or drag with Shift)";

/** Create the bar of controls and the legend. `isLasso()` tells whether dragging draws a lasso. */
export function createMapControls(app, { onZoom, onWhole, onSelectVisible }) {
  const { collection } = app;
  const select = createColorSelect(collection, (name) => app.change({ mapColor: name }));
  const lasso = createButton("Lasso", LASSO_HELP, () => setLasso(!isLasso()));
  const setLasso = (isOn) => lasso.setAttribute("aria-pressed", isOn);
  const isLasso = () => lasso.getAttribute("aria-pressed") === "true";
  setLasso(false);
  const bar = createElement(
    "div",
    { className: "map-bar" },
    createElement("label", {}, createElement("span", {}, "Color"), select),
    lasso,
    createButton("Select visible", "Select the punks in the visible part of the map", onSelectVisible),
    createElement("span", { className: "map-hint" }, "Similar punks are near each other."),
    createElement(
      "span",
      { className: "map-zoom" },
      createButton("−", "Zoom out", () => onZoom(-1)),
      createButton("+", "Zoom in", () => onZoom(1)),
      createButton("Whole map", "Show the whole map", onWhole),
    ),
  );
  const legend = createElement("ul", { className: "legend map-legend", "aria-label": "Legend" });
  const update = (state, coloring) => {
    select.value = state.mapColor;
    legend.replaceChildren(...coloring.entries.map(createEntry));
  };
  return { bar, legend, isLasso, setLasso, update };
}

const createButton = (text, title, onclick) => createElement("button", { type: "button", title, onclick }, text);

/** Create the choice of colors: by type, by prices and so on, and by any accessory. */
function createColorSelect(collection, onChange) {
  const createOption = ([value, text]) => createElement("option", { value }, text);
  const accessories = collection.accessoryNames.map((name) => createOption([name, name]));
  return createElement(
    "select",
    { onchange: (event) => onChange(event.target.value) },
    ...listColorings(collection).map(createOption),
    createElement("optgroup", { label: "Accessories" }, ...accessories),
  );
}

function createEntry({ text, color }) {
  const item = createElement("li", {}, text);
  item.style.setProperty("--entry", `var(${color})`);
  return item;
}
