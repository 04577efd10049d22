// The form of filters. It is created once, and then updated from the state.

/**
 * Create the fields of the form, and return a function that updates them: (state, rows) => void.
 * `change(part)` merges `part` into the state; `toggleLabel(label)` adds or removes a label.
 */
function createFilters(form, collection, { change, toggleLabel }) {
  form.addEventListener("submit", (event) => event.preventDefault());
  const numTypes = collection.typeNames.length;
  const labels = createLabelOptions(collection, toggleLabel);
  const search = createAccessorySearch(labels.options.slice(numTypes));
  const matchModes = ["all", "any"].map((mode) =>
    createElement("input", {
      type: "radio",
      name: "match-mode",
      value: mode,
      onchange: () => change({ matchAny: mode === "any" }),
    }),
  );
  const minCount = createCountSelect(collection, "at least", (n) => change({ minCount: n }));
  const maxCount = createCountSelect(collection, "at most", (n) => change({ maxCount: n }));
  const minPrice = createPriceInput("from", (eth) => change({ minPrice: eth }));
  const maxPrice = createPriceInput("to", (eth) => change({ maxPrice: eth }));
  const price = createSelect("Kind of price", Object.entries(PRICE_KINDS), (kind) => change({ price: kind }));
  const split = createSelect(
    "Split",
    ["", ...SPLITS].map((name) => [name, name || "all"]),
    (name) => change({ split: name || null }),
  );
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
    createGroup("Number of accessories", createElement("div", { className: "range" }, minCount, maxCount)),
    ...(collection.sales
      ? [createGroup("Price, ETH", price, createElement("div", { className: "range" }, minPrice, maxPrice))]
      : []),
    createGroup("Split", split),
  );

  // Keep the text in a field, for example "1.", if it already means the new number.
  const setNumber = (field, value) => {
    if (parseNumber(field.value) !== value) field.value = value ?? "";
  };
  return (state, rows) => {
    labels.update(new Set([...state.types, ...state.accessories]), countChoices(state, collection, rows));
    matchModes[0].checked = !state.matchAny;
    matchModes[1].checked = state.matchAny;
    setNumber(minCount, state.minCount);
    setNumber(maxCount, state.maxCount);
    setNumber(minPrice, state.minPrice);
    setNumber(maxPrice, state.maxPrice);
    price.value = state.price;
    split.value = state.split ?? "";
    if (!isFiltered(state)) search.clear();
  };
}

function createGroup(legend, ...children) {
  return createElement("fieldset", {}, createElement("legend", {}, legend), ...children);
}

function createSelect(name, options, onChange) {
  return createElement(
    "select",
    { "aria-label": name, onchange: (event) => onChange(event.target.value) },
    ...options.map(([value, text]) => createElement("option", { value }, text)),
  );
}

/** Create a select for a number of accessories. Its first option means no limit. */
function createCountSelect(collection, text, onChange) {
  const counts = Array.from({ length: collection.maxAccessories + 1 }, (_, n) => [n, `${n}`]);
  return createSelect(text, [["", text], ...counts], (value) => onChange(parseNumber(value)));
}

function createPriceInput(text, onChange) {
  return createElement("input", {
    type: "number",
    min: 0,
    step: "any",
    placeholder: text,
    "aria-label": `Price ${text}, ETH`,
    oninput: (event) => onChange(parseNumber(event.target.value)),
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
function createAccessorySearch(options) {
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
