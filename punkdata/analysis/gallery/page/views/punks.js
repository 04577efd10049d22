// The view of all selected punks as a grid.

import { NO_MATCH_TEXT } from "../data/format.js";
import { describeQueryProblem } from "../data/query.js";
import { createElement } from "../dom/elements.js";
import { createCaption, DEFAULT_FACTOR, Grid } from "./grid.js";

const KEY_HELP =
  "Arrow keys move, Enter opens a punk, Escape closes it, C adds it to the comparison, " +
  "and slash moves to the search.";

export const punksView = { name: "punks", label: "Punks", create: createPunksView };

function createPunksView(box, app) {
  const { collection } = app;
  const cursor = createElement("div", { id: "cursor" });
  const strips = createElement("div", { id: "strips" }, cursor);
  const option = createElement("div", {
    id: "option",
    className: "visually-hidden",
    role: "option",
    "aria-selected": "false",
  });
  const noMatch = createElement("p", { id: "no-match", hidden: true });
  box.tabIndex = 0;
  box.role = "listbox";
  box.ariaLabel = "Punks";
  box.setAttribute("aria-describedby", "key-help");
  box.setAttribute("aria-activedescendant", "option");
  box.append(strips, option, noMatch);
  box.after(createElement("p", { id: "key-help", className: "visually-hidden" }, KEY_HELP));
  const grid = new Grid(collection, {
    box,
    strips,
    cursor,
    option,
    onOpen: (row) => app.openPunk(row, true),
    onMove: (row) => app.state.punk !== null && app.openPunk(row),
    onCompare: (row) => app.toggleCompared(row),
  });
  // Captions are drawn on canvases, which do not follow the color scheme by themselves.
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => grid.updateLayout());
  let wasOpen = false;
  return ({ state, rows, wasHidden, changed, hasNewOrder }) => {
    const isOpen = state.punk !== null;
    grid.factor = state.size ?? DEFAULT_FACTOR;
    if (hasNewOrder) {
      grid.setRows(rows, createCaption(collection, state.sort));
      noMatch.hidden = rows.length > 0;
      noMatch.textContent = describeNoMatch(state, collection);
    }
    if (wasHidden || hasNewOrder || changed("size") || isOpen !== wasOpen) grid.updateLayout();
    wasOpen = isOpen;
    const openRow = collection.rowById.get(state.punk);
    if (isOpen) grid.moveCursorToRow(openRow);
    cursor.classList.toggle("open", isOpen && rows[grid.cursorIndex] === openRow);
  };
}

function describeNoMatch({ query, ids }, collection) {
  const missing = ids.filter((id) => !collection.rowById.has(id));
  if (missing.length && missing.length === ids.length)
    return `No punk in this snapshot has the number ${missing.join(" or ")}.`;
  const hint = collection.renderer ? " The view Make can draw one." : "";
  return describeQueryProblem(query, collection) ?? NO_MATCH_TEXT + hint;
}
