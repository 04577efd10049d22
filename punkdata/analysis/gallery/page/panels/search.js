// The search field with suggestions. Its text is a query, and a parameter of the state.

import { getOnlyId } from "../data/query.js";
import { listExamples, suggestLabels } from "../data/suggestions.js";
import { getById } from "../dom/elements.js";
import { createPortrait } from "../dom/sprites.js";
import { attachSuggestions } from "../dom/suggestion_list.js";

/** Listen to the search field, and return the function that updates it. */
export function createSearch(app) {
  const { collection } = app;
  const field = getById("query");
  const suggest = () => {
    if (!app.state.query) return listExamples(collection);
    return suggestLabels(app.state, collection, app.parameters).map((suggestion) => ({
      ...suggestion,
      icon: suggestion.row < 0 ? null : createPortrait(collection, suggestion.row, 1),
    }));
  };
  const search = (query) => {
    app.change({ query, view: app.getSelectionView() });
    list.show(suggest());
  };
  const list = attachSuggestions(field, getById("suggestions"), ({ query }) => search(query));
  field.addEventListener("input", () => search(field.value));
  field.addEventListener("focus", () => list.show(suggest()));
  getById("search").addEventListener("submit", (event) => {
    event.preventDefault();
    if (list.acceptActive()) return;
    list.show([]);
    openResult(app);
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.key !== "/") return;
    if (event.target.matches("input[type=search], input[type=number]")) return;
    field.focus();
    event.preventDefault();
  });
  return ({ state }) => {
    if (field.value !== state.query) field.value = state.query;
  };
}

/** Open the punk if the query is only its number, and move the focus to what was found. */
function openResult(app) {
  const id = getOnlyId(app.state.query, app.collection);
  if (id === null) {
    if (app.rows.length) getById(app.state.view).focus({ preventScroll: true });
    return;
  }
  app.change({ query: "" }); // The number of the open punk is not a filter.
  app.openPunk(app.collection.rowById.get(id), true);
}
