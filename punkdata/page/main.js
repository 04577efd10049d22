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
    const text = more ? more(row) : price?.[row] != null ? short(Number(price[row].toPrecision(3))) : null;
    return text === null ? `#${c.id[row]}` : `${c.id[row]} · ${text}`;
  };
}

async function start() {
  const c = await openCollection();
  let state = EVERYTHING;
  let rows = null;
  let charted = 0; // the width that the charts were drawn for
  const narrow = matchMedia("(max-width: 899px)");
  byId("drawer").open = !narrow.matches;

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
    change({ [name]: toggled(state[name], label) });
  };
  const follow = makeFilters(byId("filters"), c, { change, toggle });

  for (const [name, { label, priced }] of Object.entries(SORTS))
    if (c.sales || !priced) byId("sort").append(element("option", { value: name }, label));

  // Draw what has changed.
  function apply(next, { isNew = false } = {}) {
    const before = isNew ? null : state;
    state = next;
    const same = (...names) => before !== null && names.every((name) => before[name] === next[name]);
    const isSameSet = same(...FILTERS, "any", "price");
    const isSameOrder = isSameSet && same("sort", "down");
    byId("punks").hidden = next.view !== "punks";
    byId("charts").hidden = next.view !== "charts";
    byId("detail").hidden = next.punk === null;
    byId("cursor").classList.toggle("on", next.punk !== null);
    grid.factor = next.size ?? (narrow.matches ? 2 : 3);
    if (!isSameOrder) {
      rows = choose(next, c);
      grid.take(rows, captionOf(c, next.sort));
    }
    const hasPane = before !== null && (before.punk === null) === (next.punk === null);
    if (!isSameOrder || !same("view", "size") || !hasPane) grid.layOut();
    if (!isSameSet) {
      follow(next, rows);
      tellStatus();
    }
    if (next.view === "charts" && !(isSameSet && same("view"))) drawCharts();
    if (!same("punk")) drawDetail();
    byId("sort").value = next.sort;
    byId("direction").textContent = next.down ? "↓" : "↑";
    byId("direction").title = next.down ? "Descending" : "Ascending";
    byId("size").value = grid.factor;
    for (const tab of document.querySelectorAll("[data-view]"))
      tab.setAttribute("aria-pressed", tab.dataset.view === next.view);
  }

  function drawCharts() {
    const box = byId("charts");
    const width = box.clientWidth - parseFloat(getComputedStyle(box).paddingLeft) * 2;
    charted = box.clientWidth;
    box.classList.toggle("single", width < TWO_COLUMNS_FROM);
    box.replaceChildren(...(rows.length ? allCharts(c, rows, toggle, width) : []));
  }

  function change(part, { push = false } = {}) {
    apply({ ...state, ...part });
    const address = writeAddress(state, c);
    if (push) history.pushState(null, "", address);
    else history.replaceState(null, "", address);
  }

  function tellStatus() {
    const all = plural(c.count, "punk");
    byId("status").textContent = isFiltered(state) ? `${grouped(rows.length)} of ${all}` : all;
    byId("clear").hidden = !isFiltered(state);
    byId("none").hidden = rows.length > 0;
    byId("none").textContent = state.ids.length
      ? `No punk here has the number ${state.ids.join(" or ")}.`
      : "No punk has all that is asked for.";
  }

  function drawDetail() {
    const pane = byId("detail");
    if (state.punk === null) {
      pane.replaceChildren();
      return;
    }
    const row = c.rowOf.get(state.punk);
    grid.moveToRow(row);
    tell(pane, c, row, { show: (other) => open(other, true), toggle, close, step });
    pane.scrollTop = 0;
  }

  // The first opening is a step that the browser's Back undoes.
  function open(row, focus = false) {
    change({ punk: c.id[row] }, { push: state.punk === null });
    if (focus) byId("detail").querySelector("h2").focus({ preventScroll: true });
  }

  function close() {
    change({ punk: null });
    byId("punks").focus({ preventScroll: true });
  }

  function step(by) {
    const goal = rows[rows.indexOf(c.rowOf.get(state.punk)) + by];
    if (goal === undefined) return;
    open(goal);
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
    byId("ids").value = "";
    change(Object.fromEntries(FILTERS.map((name) => [name, EVERYTHING[name]])));
  });
  for (const tab of document.querySelectorAll("[data-view]"))
    tab.addEventListener("click", () => change({ view: tab.dataset.view }));
  byId("search").addEventListener("submit", (event) => {
    event.preventDefault();
    const ids = (byId("ids").value.match(/\d+/g) ?? []).map(Number);
    const [row] = ids.map((id) => c.rowOf.get(id));
    // One punk is opened among the others; several, or none, are a filter.
    if (ids.length === 1 && row !== undefined) {
      if (!rows.includes(row)) change(Object.fromEntries(FILTERS.map((n) => [n, EVERYTHING[n]])));
      change({ view: "punks", ids: [] });
      open(row, true);
    } else change({ ids, view: "punks" });
  });
  byId("ids").addEventListener("input", (event) => {
    if (event.target.value === "" && state.ids.length) change({ ids: [] });
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isField = event.target.matches("input, select");
    if (event.key === "Escape" && state.punk !== null) close();
    else if (event.key === "/" && !isField) byId("ids").focus();
    else return;
    event.preventDefault();
  });
  new ResizeObserver(() => {
    const width = byId("charts").clientWidth;
    if (width && charted && width !== charted) drawCharts();
  }).observe(byId("charts"));
  const fromAddress = () => readAddress(location.hash, c);
  window.addEventListener("popstate", () => apply(fromAddress(), { isNew: true }));

  apply(fromAddress(), { isNew: true });
  byId("ids").value = state.ids.join(", ");
  performance.mark("drawn");
  document.body.dataset.ready = "";
}

start().catch((error) => {
  byId("status").textContent = `This page needs a newer browser (${error.message}).`;
  throw error;
});
