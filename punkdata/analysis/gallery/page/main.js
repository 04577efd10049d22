// One state; whatever changes it comes through change(), which draws anew and writes the address.

const byId = (id) => document.getElementById(id);

// What is written below a punk, by the order of the grid.
function captionOf(c, sort) {
  const date = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);
  const more = {
    rarity: (row) => c.rarity[row].toFixed(1),
    sales: (row) => `${c.saleCount[row]}×`,
    date: (row) => (c.lastSoldAt[row] === null ? null : date(c.lastSoldAt[row])),
  }[sort];
  const price = c[sort];
  return (row) => {
    const eth = (amount) => (amount > 0 && amount < 0.001 ? "<0.001" : short(Number(amount.toPrecision(3))));
    const text = more ? more(row) : price?.[row] != null ? eth(price[row]) : null;
    return text === null ? `#${c.id[row]}` : `${c.id[row]} · ${text}`;
  };
}

async function start() {
  const c = await openCollection();
  let state = EVERYTHING;
  let rows = null;
  let charted = 0; // the width that the charts were drawn for
  let closing = null; // the state that Back is to lead to
  const narrow = matchMedia("(max-width: 899px)");
  const phone = matchMedia("(max-width: 599px)"); // where the pane covers all
  const fold = () => (byId("drawer").open = !narrow.matches);
  narrow.addEventListener("change", fold);
  fold();

  const grid = new Grid(c, {
    box: byId("punks"),
    strips: byId("strips"),
    cursor: byId("cursor"),
    option: byId("option"),
    open: (row) => open(row, true),
  });
  grid.followed = (row) => state.punk !== null && open(row);

  const toggled = (list, label) =>
    list.includes(label) ? list.filter((one) => one !== label) : [...list, label];
  const toggle = (label) => {
    const name = label < c.types.length ? "types" : "accessories";
    const part = { [name]: toggled(state[name], label) };
    if (phone.matches && state.punk !== null) close(part);
    else change(part);
  };
  const follow = makeFilters(byId("filters"), c, { change, toggle });

  for (const [name, { label, priced }] of Object.entries(SORTS))
    if (c.sales || !priced) byId("sort").append(element("option", { value: name }, label));

  // Draw what has changed.
  function apply(next, { isNew = false } = {}) {
    const before = isNew ? null : state;
    const focused = document.activeElement;
    state = next;
    const same = (...names) =>
      before !== null && names.every((name) => `${before[name]}` === `${next[name]}`);
    const isSameSet = same(...FILTERS, "any", "price");
    const isSameOrder = isSameSet && same("sort", "down");
    const isOpen = next.punk !== null;
    for (const name of ["punks", "charts"]) byId(name).hidden = next.view !== name;
    for (const one of document.querySelectorAll(".of-punks")) one.hidden = next.view !== "punks";
    byId("detail").hidden = !isOpen;
    grid.factor = next.size ?? 3;
    if (!isSameOrder) {
      rows = choose(next, c);
      grid.take(rows, captionOf(c, next.sort));
    }
    const hasPane = before !== null && (before.punk === null) === !isOpen;
    if (!isSameOrder || !same("view", "size") || !hasPane) grid.layOut();
    if (!isSameSet) {
      follow(next, rows);
      tellStatus();
    }
    if (next.view === "charts" && !(isSameSet && same("view"))) drawCharts();
    if (!same("punk")) drawDetail();
    if (isOpen) findOpen();
    cover();
    byId("cursor").classList.toggle("on", isOpen && rows[grid.at] === c.rowOf.get(next.punk));
    byId("sort").value = next.sort;
    byId("direction").textContent = next.down ? "↓" : "↑";
    byId("direction").title = next.down ? "Descending" : "Ascending";
    byId("direction").ariaLabel = `Order: ${next.down ? "descending" : "ascending"}`;
    byId("size").value = grid.factor;
    if (!same("ids")) byId("ids").value = next.ids.join(", ");
    for (const tab of document.querySelectorAll("[data-view]"))
      tab.setAttribute("aria-pressed", tab.dataset.view === next.view);
    // What had the focus may be gone.
    if (focused.isConnected && focused.offsetParent !== null) return;
    const label = focused.dataset?.label;
    const again = label && byId("charts").querySelector(`[data-label="${label}"]`);
    if (focused !== document.body) (again || byId(next.view)).focus({ preventScroll: true });
  }

  // Bring the cursor to the open punk; what cannot be stepped to is said to be disabled.
  function findOpen() {
    const isThere = grid.moveToRow(c.rowOf.get(state.punk));
    for (const [name, by] of [["Previous punk", -1], ["Next punk", 1]]) {
      const can = isThere && grid.at + by in rows;
      byId("detail").querySelector(`[aria-label="${name}"]`).setAttribute("aria-disabled", !can);
    }
  }

  function cover() {
    for (const one of document.querySelectorAll("header, #drawer, main"))
      one.inert = phone.matches && state.punk !== null;
  }
  phone.addEventListener("change", cover);

  function drawCharts() {
    const box = byId("charts");
    const width = box.clientWidth - parseFloat(getComputedStyle(box).paddingLeft) * 2;
    charted = box.clientWidth;
    box.classList.toggle("single", width < TWO_COLUMNS_FROM);
    const opened = [...box.querySelectorAll("figure:has(> details[open]) h2")].map((h) => h.textContent);
    box.replaceChildren(...allCharts(c, rows, toggle, width));
    for (const figure of box.querySelectorAll("figure:has(> details)"))
      figure.querySelector("details").open = opened.includes(figure.querySelector("h2").textContent);
  }

  // With `push` it is a step that the browser's Back undoes.
  function change(part, { push = false, opened = history.state?.opened } = {}) {
    apply({ ...state, ...part });
    const entry = [{ opened: Boolean(opened) }, "", writeAddress(state, c)];
    if (push) history.pushState(...entry);
    else history.replaceState(...entry);
  }

  function tellStatus() {
    const all = plural(c.count, "punk");
    byId("status").textContent = isFiltered(state) ? `${grouped(rows.length)} of ${all}` : all;
    byId("clear").hidden = !isFiltered(state);
    byId("none").hidden = rows.length > 0;
    const others = isFiltered({ ...state, ids: [] }) ? "with these filters" : "here";
    byId("none").textContent = state.ids.length
      ? `No punk ${others} has the number ${state.ids.join(" or ")}.`
      : "No punk has all that is asked for.";
  }

  function drawDetail() {
    const pane = byId("detail");
    if (state.punk === null) {
      pane.replaceChildren();
      return;
    }
    const row = c.rowOf.get(state.punk);
    tell(pane, c, row, { show: (other) => open(other, true), toggle, close: () => close(), step });
    pane.scrollTop = 0;
  }

  function open(row, focus = false) {
    const isFirst = state.punk === null;
    change({ punk: c.id[row] }, isFirst ? { push: true, opened: true } : {});
    if (focus) byId("detail").querySelector("h2").focus({ preventScroll: true });
  }

  // Leave the pane, and the step that the browser remembers of its opening.
  function close(part = {}) {
    const next = { ...state, ...part, punk: null };
    if (history.state?.opened) {
      closing = next;
      history.back();
    } else {
      change(next);
      byId(state.view).focus({ preventScroll: true });
    }
  }

  function step(by) {
    const place = rows.indexOf(c.rowOf.get(state.punk));
    if (place < 0 || !(place + by in rows)) return;
    open(rows[place + by]);
    const name = by < 0 ? "Previous punk" : "Next punk";
    byId("detail").querySelector(`[aria-label="${name}"]`).focus({ preventScroll: true });
  }

  byId("sort").addEventListener("change", (event) => {
    const sort = event.target.value;
    change({ sort, down: SORTS[sort].down ?? false });
  });
  byId("direction").addEventListener("click", () => change({ down: !state.down }));
  byId("size").addEventListener("input", (event) => change({ size: Number(event.target.value) }));
  byId("clear").addEventListener("click", () => {
    change(unfiltered(state));
  });
  for (const tab of document.querySelectorAll("[data-view]"))
    tab.addEventListener("click", () => change({ view: tab.dataset.view }, { push: true, opened: false }));
  byId("search").addEventListener("submit", (event) => {
    event.preventDefault();
    const box = byId("ids");
    const ids = (box.value.match(/\d+/g) ?? []).map(Number);
    if (!ids.length && box.value.trim()) {
      box.setCustomValidity("Punks are found by number; accessories are among the filters.");
      box.reportValidity();
      return;
    }
    const [row] = ids.map((id) => c.rowOf.get(id));
    // One punk is opened among the others; several, or none, are a filter.
    if (ids.length === 1 && row !== undefined) {
      change({ view: "punks", ids: [] });
      box.value = ""; // it is no filter
      open(row, true);
    } else change({ ids, view: "punks" });
  });
  byId("ids").addEventListener("input", (event) => {
    event.target.setCustomValidity("");
    if (event.target.value === "" && state.ids.length) change({ ids: [] });
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isText = event.target.matches("input[type=search], input[type=number]");
    if (event.key === "Escape" && state.punk !== null) close();
    else if (event.key === "/" && !isText) byId("ids").focus();
    else return;
    event.preventDefault();
  });
  new ResizeObserver(() => {
    const width = byId("charts").clientWidth;
    if (width && charted && width !== charted) drawCharts();
  }).observe(byId("charts"));
  const fromAddress = () => readAddress(location.hash, c);
  window.addEventListener("popstate", () => {
    if (closing) {
      const next = closing;
      closing = null;
      change(next, { opened: false });
      byId(state.view).focus({ preventScroll: true });
    } else apply(fromAddress());
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => grid.layOut());

  apply(fromAddress(), { isNew: true });
  performance.mark("drawn");
  document.body.dataset.ready = "";
}

start().catch((error) => {
  byId("status").textContent = `This page needs a newer browser (${error.message}).`;
  throw error;
});
