// The search field: punk numbers, a type or an accessory.

import { getById } from "../dom/elements.js";

/** Return the labels that have a word beginning with a text, for example three kinds of "mohawk". */
function findLabels(text, { labelNames }) {
  const start = ` ${text.trim().toLowerCase()}`;
  if (!/[a-z]/.test(start)) return [];
  return [...labelNames.keys()].filter((label) => ` ${labelNames[label].toLowerCase()}`.includes(start));
}

/** Filter by the types or accessories in the search field, or open the punk with its number. */
function search(field, app) {
  const { collection } = app;
  const ids = (field.value.match(/\d+/g) ?? []).map(Number);
  const labels = findLabels(field.value, collection);
  if (labels.length) {
    const types = labels.filter((label) => label < collection.typeNames.length);
    const accessories = types.length ? [] : labels;
    field.value = ""; // The filters show what was found.
    app.change({ ids: [], types, accessories, matchAny: accessories.length > 1 });
    return;
  }
  if (!ids.length && field.value.trim()) {
    field.setCustomValidity("No type or accessory matches. Search for one, such as Mohawk, or for a punk number.");
    field.reportValidity();
    return;
  }
  const row = collection.rowById.get(ids[0]);
  if (ids.length === 1 && row !== undefined) {
    app.change({ view: "punks", ids: [] });
    field.value = ""; // The number is not a filter.
    app.openPunk(row, true);
  } else app.change({ ids, view: "punks" });
}

/** Listen to the search field, and return the function that updates it. */
export function createSearch(app) {
  const field = getById("ids");
  getById("search").addEventListener("submit", (event) => {
    event.preventDefault();
    search(field, app);
  });
  field.addEventListener("input", () => {
    field.setCustomValidity("");
    if (field.value === "" && app.state.ids.length) app.change({ ids: [] });
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.key !== "/") return;
    if (event.target.matches("input[type=search], input[type=number]")) return;
    field.focus();
    event.preventDefault();
  });
  return ({ state, changed }) => {
    if (changed("ids")) field.value = state.ids.join(", ");
  };
}
