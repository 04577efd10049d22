// The form of filters. It is created once, and then updated from the state.

import { formatCount } from "../data/format.js";
import { countChoices } from "../data/selection.js";
import { isFiltered, parseNumber, PRICE_KINDS, SPLITS } from "../data/state.js";
import { createElement, getById } from "../dom/elements.js";
import { describeAccuracy, MODEL_RESULTS } from "../model/predictions.js";

/** Create the fields of the form, and return the function that updates them. */
export function createFilters(app) {
  const { collection, parameters } = app;
  const form = getById("filters");
  const change = (part) => app.change(part);
  form.addEventListener("submit", (event) => event.preventDefault());
  const numTypes = collection.typeNames.length;
  const labels = createLabelOptions(collection, app.toggleLabel);
  const search = createAccessorySearch(labels.options.slice(numTypes));
  const matchModes = ["all", "any"].map((mode) =>
    createElement("input", {
      type: "radio",
      name: "match-mode",
      value: mode,
      onchange: () => change({ matchAny: mode === "any" }),
    }),
  );
  const count = createRange(
    (text, onChange) => createCountSelect(collection, text, onChange),
    ["at least", "at most"],
    (range) => change({ count: range }),
  );
  const eth = createRange(createPriceInput, ["from", "to"], (range) => change({ eth: range }));
  const price = createSelect("Kind of price", Object.entries(PRICE_KINDS), (kind) => change({ price: kind }));
  const split = createSelect(
    "Split",
    ["", ...SPLITS].map((name) => [name, name || "all"]),
    (name) => change({ split: name || null }),
  );
  const model = createModelFilter(collection, (name) => change({ model: name || null }));
  form.replaceChildren(
    createGroup("Type", ...labels.options.slice(0, numTypes)),
    createGroup(
      "Accessories",
      createElement(
        "div",
        { className: "match-modes" },
        createElement("label", { title: "Punks with all selected accessories" }, matchModes[0], "all"),
        createElement("label", { title: "Punks with any selected accessory" }, matchModes[1], "any"),
      ),
      search.input,
      createElement("div", { className: "filter-options" }, ...labels.options.slice(numTypes), search.noMatch),
    ),
    createGroup("Number of accessories", count.box),
    ...(collection.sales
      ? [createGroup("Price, ETH", price, eth.box)]
      : []),
    createGroup("Split", split),
    ...(collection.predictions ? [createGroup("Model", model, describeModel(collection))] : []),
  );

  return ({ state, rows, hasNewRows }) => {
    if (!hasNewRows) return;
    labels.update(new Set([...state.types, ...state.accessories]), countChoices(state, collection, parameters, rows));
    matchModes[0].checked = !state.matchAny;
    matchModes[1].checked = state.matchAny;
    count.update(state.count);
    eth.update(state.eth);
    price.value = state.price;
    split.value = state.split ?? "";
    model.value = state.model ?? "";
    if (!isFiltered(state, parameters)) search.clear();
  };
}

export function createGroup(legend, ...children) {
  return createElement("fieldset", {}, createElement("legend", {}, legend), ...children);
}

function createSelect(name, options, onChange) {
  return createElement(
    "select",
    { "aria-label": name, onchange: (event) => onChange(event.target.value) },
    ...options.map(([value, text]) => createElement("option", { value }, text)),
  );
}

/** Create the choice of punks that the classifier gets right or wrong. */
function createModelFilter({ predictions }, onChange) {
  const results = Object.entries(MODEL_RESULTS).map(([name, { text }]) => [name, text]);
  return createSelect(`Predictions of ${predictions?.model}`, [["", "all"], ...results], onChange);
}

const describeModel = (collection) =>
  createElement(
    "p",
    { id: "model-accuracy", className: "note" },
    `Punks with all labels right: ${describeAccuracy(collection, SPLITS).join(", ")}.`,
  );

/** Create the two fields of a range; `onChange` gets [min, max], with null for no limit. */
function createRange(createField, texts, onChange) {
  const fields = texts.map((text) =>
    createField(text, () => onChange(fields.map((field) => parseNumber(field.value)))),
  );
  const update = (limits) =>
    fields.forEach((field, i) => {
      // Keep the text in a field, for example "1.", if it already means the new number.
      if (parseNumber(field.value) !== limits[i]) field.value = limits[i] ?? "";
    });
  return { box: createElement("div", { className: "range" }, ...fields), update };
}

/** Create a select for a number of accessories. Its first option means no limit. */
function createCountSelect(collection, text, onChange) {
  const counts = Array.from({ length: collection.maxAccessories + 1 }, (_, n) => [n, `${n}`]);
  return createSelect(text, [["", text], ...counts], onChange);
}

function createPriceInput(text, onChange) {
  return createElement("input", {
    type: "number",
    min: 0,
    step: "any",
    placeholder: text,
    "aria-label": `Price ${text}, ETH`,
    oninput: onChange,
  });
}

/** Create a checkbox with a count for each label; `update(checked, counts)` sets them. */
function createLabelOptions(collection, toggleLabel) {
  const boxes = collection.labelNames.map((_, label) =>
    createElement("input", { type: "checkbox", onchange: () => toggleLabel(label) }),
  );
  const counts = collection.labelNames.map(() => createElement("span", { className: "count" }));
  const options = collection.labelNames.map((name, label) =>
    createElement(
      "label",
      { className: "filter-option", "data-name": name.toLowerCase() },
      boxes[label],
      createElement("span", {}, name),
      counts[label],
    ),
  );
  const update = (checked, numbers) =>
    boxes.forEach((box, label) => {
      box.checked = checked.has(label);
      counts[label].textContent = formatCount(numbers[label]);
      counts[label].classList.toggle("zero", !numbers[label]);
    });
  return { options, update };
}

/** Create the field that hides the accessories whose name does not contain its text. */
export function createAccessorySearch(options) {
  const noMatch = createElement("p", { className: "note", hidden: true }, "No accessory matches.");
  const input = createElement("input", {
    type: "search",
    placeholder: "Find an accessory",
    "aria-label": "Find an accessory",
    oninput: () => update(),
  });
  const update = () => {
    const text = input.value.trim().toLowerCase();
    for (const option of options) option.hidden = !option.dataset.name.includes(text);
    noMatch.hidden = options.some((option) => !option.hidden);
  };
  const clear = () => {
    if (input === document.activeElement) return;
    input.value = "";
    update();
  };
  return { input, noMatch, clear };
}
