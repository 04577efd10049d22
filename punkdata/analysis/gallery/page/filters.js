// The form of filters: made once, then kept in step with the state.

// change(part) merges a part into the state, toggle(label) a type or an accessory.
function makeFilters(form, c, { change, toggle }) {
  form.addEventListener("submit", (event) => event.preventDefault());
  const boxes = [];
  const counts = [];
  const line = (label) => {
    boxes[label] = element("input", { type: "checkbox", onchange: () => toggle(label) });
    counts[label] = element("span", { className: "count" });
    return element(
      "label",
      { className: "line", "data-name": c.names[label].toLowerCase() },
      boxes[label],
      element("span", {}, c.names[label]),
      counts[label],
    );
  };
  const group = (legend, ...children) =>
    element("fieldset", {}, element("legend", {}, legend), ...children);
  const typeLines = c.types.map((_, label) => line(label));
  const accessoryLines = c.accessoryNames.map((_, i) => line(c.types.length + i));

  const narrow = element("input", {
    type: "search",
    placeholder: "Find an accessory",
    "aria-label": "Find an accessory",
    oninput: () => findAccessory(),
  });
  const noneFound = element("p", { className: "note", hidden: true }, "No accessory is called so.");
  const findAccessory = () => {
    const text = narrow.value.trim().toLowerCase();
    for (const one of accessoryLines) one.hidden = !one.dataset.name.includes(text);
    noneFound.hidden = accessoryLines.some((one) => !one.hidden);
  };
  const how = ["all", "any"].map((name) =>
    element("input", {
      type: "radio",
      name: "how",
      value: name,
      onchange: () => change({ any: name === "any" }),
    }),
  );
  const numberOf = (name, text) => {
    const options = ["", ...Array.from({ length: c.most + 1 }, (_, i) => i)];
    return element(
      "select",
      {
        "aria-label": text,
        onchange: (event) =>
          change({ [name]: numberIn(event.target.value) }),
      },
      ...options.map((n) => element("option", { value: n }, n === "" ? text : `${n}`)),
    );
  };
  const least = numberOf("least", "at least");
  const greatest = numberOf("most", "at most");
  const limit = (name, text) =>
    element("input", {
      type: "number",
      min: 0,
      step: "any",
      placeholder: text,
      "aria-label": `Price ${text}, ETH`,
      oninput: (event) => change({ [name]: numberIn(event.target.value) }),
    });
  const price = element(
    "select",
    { "aria-label": "Which price", onchange: () => change({ price: price.value }) },
    ...Object.entries(PRICES).map(([value, text]) => element("option", { value }, text)),
  );
  const from = limit("from", "from");
  const to = limit("to", "to");
  const split = element(
    "select",
    { "aria-label": "Split", onchange: () => change({ split: split.value || null }) },
    ...["", ...SPLITS].map((name) => element("option", { value: name }, name || "all")),
  );
  form.replaceChildren(
    group("Type", ...typeLines),
    group(
      "Accessories",
      element("div", { className: "how" },
        element("label", {}, how[0], "all of these"),
        element("label", {}, how[1], "any"),
      ),
      narrow,
      element("div", { className: "lines" }, ...accessoryLines, noneFound),
    ),
    group("Number of accessories", element("div", { className: "pair" }, least, greatest)),
    c.sales
      ? group("Price, ETH", price, element("div", { className: "pair" }, from, to))
      : group("Price", element("p", { className: "note" }, c.noPrices)),
    group("Split", split),
  );

  // A field keeps what is typed into it, "1." say, as long as it means the same.
  const put = (field, value) => {
    if (numberIn(field.value) !== value) field.value = value ?? "";
  };
  return (state, rows) => {
    const on = new Set([...state.types, ...state.accessories]);
    const carried = countChoices(state, c, rows);
    boxes.forEach((box, label) => {
      box.checked = on.has(label);
      counts[label].textContent = grouped(carried[label]);
      counts[label].classList.toggle("zero", !carried[label]);
    });
    how[0].checked = !state.any;
    how[1].checked = state.any;
    put(least, state.least);
    put(greatest, state.most);
    put(from, state.from);
    put(to, state.to);
    price.value = state.price;
    split.value = state.split ?? "";
    if (!isFiltered(state) && narrow !== document.activeElement) {
      narrow.value = "";
      findAccessory();
    }
  };
}
