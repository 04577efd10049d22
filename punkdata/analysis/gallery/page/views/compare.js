// The view that shows up to six punks side by side.

import { COMPARE_PARAMETER, compareRows, MAX_COMPARED, toggleCompared } from "../data/comparison.js";
import { pluralize } from "../data/format.js";
import { createElement } from "../dom/elements.js";
import { createPortrait } from "../dom/sprites.js";

const PORTRAIT_FACTOR = 4; // CSS pixels per sprite pixel

export const compareView = {
  name: "compare",
  label: ({ compare }) => (compare.length ? `Compare (${compare.length})` : "Compare"),
  parameters: { compare: COMPARE_PARAMETER },
  create: createCompareView,
};

function createCompareView(box, app) {
  const message = createElement("p", { className: "note", role: "status" });
  const field = createElement("input", {
    type: "search",
    inputMode: "numeric",
    size: 8,
    placeholder: "#2140",
    "aria-label": "Punk number",
  });
  const form = createElement("form", {}, field, createElement("button", {}, "Add punk"));
  form.onsubmit = (event) => {
    event.preventDefault();
    const id = Number(field.value.trim().replace("#", "") || NaN);
    message.textContent = addToComparison(app, [id]);
    field.value = "";
  };
  const addSelection = createElement("button", {
    type: "button",
    onclick: () => (message.textContent = addToComparison(app, app.rows.map((row) => app.collection.id[row]))),
  });
  const clear = createElement("button", { type: "button", onclick: () => app.change({ compare: [] }) }, "Remove all");
  const table = createElement("div", { className: "compare-table" });
  box.append(createElement("div", { className: "compare-tools" }, form, addSelection, clear), message, table);
  return ({ state, rows, changed, hasNewRows }) => {
    if (hasNewRows) {
      addSelection.hidden = !rows.length || rows.length > MAX_COMPARED;
      addSelection.textContent = `Add the ${pluralize(rows.length, "selected punk")}`;
    }
    if (!changed("compare")) return;
    clear.hidden = !state.compare.length;
    table.replaceChildren(state.compare.length ? createTable(app, state.compare) : createHelp());
  };
}

/** Add punks to the comparison, and return what to tell the user if that is not possible. */
function addToComparison(app, ids) {
  const { compare } = app.state;
  const known = ids.filter((id) => app.collection.rowById.has(id));
  if (!known.length) return "No punk in this snapshot has this number.";
  const wanted = [...new Set([...compare, ...known])];
  app.change({ compare: wanted.slice(0, MAX_COMPARED) });
  return wanted.length > MAX_COMPARED ? `At most ${MAX_COMPARED} punks fit; remove one first.` : "";
}

const createHelp = () =>
  createElement(
    "p",
    { className: "note" },
    `Compare up to ${MAX_COMPARED} punks side by side. Add them here by number, with the button ` +
      "“Compare” of an open punk, or with the key C in the grid.",
  );

function createTable(app, ids) {
  const { collection } = app;
  const rows = ids.map((id) => collection.rowById.get(id));
  const heads = rows.map((row) => createElement("th", { scope: "col" }, ...createHead(app, row)));
  const lines = compareRows(collection, rows).map(({ name, values, isSame }) =>
    createElement(
      "tr",
      { className: isSame && rows.length > 1 ? "same" : "" },
      createElement("th", { scope: "row" }, name),
      ...values.map((value) => createElement("td", { className: value === "✓" ? "present" : "" }, value)),
    ),
  );
  return createElement(
    "table",
    {},
    createElement("caption", { className: "visually-hidden" }, "Compared punks"),
    createElement("thead", {}, createElement("tr", {}, createElement("td"), ...heads)),
    createElement("tbody", {}, ...lines),
  );
}

/** Create the picture of a punk, which opens it, and the button that removes it. */
function createHead(app, row) {
  const id = app.collection.id[row];
  const open = createElement(
    "button",
    { type: "button", className: "open-punk", title: `Open punk ${id}`, onclick: () => app.openPunk(row, true) },
    createPortrait(app.collection, row, PORTRAIT_FACTOR),
    `#${id}`,
  );
  const name = `Remove punk ${id}`;
  const onclick = () => app.change({ compare: toggleCompared(app.state.compare, id) });
  return [open, createElement("button", { type: "button", "aria-label": name, title: name, onclick }, "✕")];
}
