// The line above the view: the number of selected punks, the order and the size.

import { formatCount, pluralize } from "../data/format.js";
import { clearFilters, isFiltered, isInitial, isSortAvailable, SORTS, splitSort } from "../data/state.js";
import { createElement, getById } from "../dom/elements.js";
import { DEFAULT_FACTOR } from "../views/grid.js";

/** Fill the toolbar, and return the function that updates it. */
export function createToolbar(app) {
  const { collection, parameters } = app;
  const onEvent = (id, type, listener) => getById(id).addEventListener(type, listener);
  for (const [value, { label }] of Object.entries(SORTS))
    if (isSortAvailable(collection, value)) getById("sort").append(createElement("option", { value }, label));
  onEvent("sort", "change", ({ target: { value } }) =>
    app.change({ sort: SORTS[value].descending ? `-${value}` : value }),
  );
  onEvent("direction", "click", () => {
    const { name, descending } = splitSort(app.state.sort);
    app.change({ sort: descending ? name : `-${name}` });
  });
  onEvent("size", "input", (event) => app.change({ size: Number(event.target.value) }));
  onEvent("clear", "click", () => app.change(clearFilters(app.state, parameters)));
  return ({ state, rows, hasNewRows }) => {
    const { name, descending } = splitSort(state.sort);
    getById("sort").value = name;
    getById("direction").textContent = descending ? "↓" : "↑";
    getById("direction").title = descending ? "Descending" : "Ascending";
    getById("direction").ariaLabel = `Order: ${descending ? "descending" : "ascending"}`;
    getById("size").value = state.size ?? DEFAULT_FACTOR;
    if (!hasNewRows) return;
    const hasFilters = isFiltered(state, parameters);
    const total = pluralize(collection.count, "punk");
    getById("status").textContent = hasFilters ? `${formatCount(rows.length)} of ${total}` : total;
    getById("clear").hidden = !hasFilters;
    getById("chips").replaceChildren(...createChips(app));
  };
}

/** Create a button for each filter that is set and has no field of its own; it clears the filter. */
function createChips(app) {
  const { state, parameters } = app;
  return Object.entries(parameters)
    .filter(([name, { describe }]) => describe && !isInitial(state, name, parameters))
    .map(([name, { describe, initial }]) =>
      createElement(
        "button",
        { type: "button", title: "Show all punks again", onclick: () => app.change({ [name]: initial }) },
        `${describe(state[name])} ✕`,
      ),
    );
}
