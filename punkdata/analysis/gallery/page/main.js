// The application. The whole page is rendered from one state object. Every change goes through
// change(), which updates the page and writes the state to the address.

const NO_MATCH_TEXT = "No punks match these filters.";
const isNarrowScreen = matchMedia("(max-width: 899px)"); // The filters are above the punks.
const DEFAULT_FACTOR = 3; // CSS pixels per sprite pixel in the grid

class App {
  constructor(collection) {
    this.collection = collection;
    this.state = null;
    this.rows = [];
    this.chartsWidth = 0; // width of the container when the charts were last drawn
    this.stateAfterBack = null; // state to apply when history.back() has finished
    this.phoneScreen = matchMedia("(max-width: 599px)"); // The detail pane covers the whole page.
    this.toggleLabel = this.toggleLabel.bind(this);
    this.grid = new Grid(collection, {
      box: getById("punks"),
      strips: getById("strips"),
      cursor: getById("cursor"),
      option: getById("option"),
      onOpen: (row) => this.openPunk(row, true),
      onMove: (row) => this.state.punk !== null && this.openPunk(row),
    });
    this.updateFilters = createFilters(getById("filters"), collection, {
      change: (part) => this.change(part),
      toggleLabel: this.toggleLabel,
    });
    for (const [value, { label, needsPrices }] of Object.entries(SORTS))
      if (collection.sales || !needsPrices) getById("sort").append(createElement("option", { value }, label));
    this.listen();
  }

  /** Apply the state that the address encodes. */
  applyAddress() {
    this.apply(readAddress(location.hash, this.collection));
  }

  /** Make a state current, and update the parts of the page that differ from the previous one. */
  apply(state) {
    const previous = this.state;
    const focused = document.activeElement;
    this.state = state;
    const isSame = (...names) =>
      previous !== null && names.every((name) => `${previous[name]}` === `${state[name]}`);
    const hasSameRows = isSame(...FILTERS, "matchAny", "price");
    const hasSameOrder = hasSameRows && isSame("sort", "descending");
    const isOpen = state.punk !== null;
    const hasSamePane = previous !== null && (previous.punk !== null) === isOpen;
    for (const view of ["punks", "charts"]) getById(view).hidden = state.view !== view;
    for (const control of document.querySelectorAll(".grid-control")) control.hidden = state.view !== "punks";
    getById("detail").hidden = !isOpen;
    this.grid.factor = state.size ?? DEFAULT_FACTOR;
    if (!hasSameOrder) {
      this.rows = selectRows(state, this.collection);
      this.grid.setRows(this.rows, createCaption(this.collection, state.sort));
    }
    if (!hasSameOrder || !isSame("view", "size") || !hasSamePane) this.grid.updateLayout();
    if (!hasSameRows) {
      this.updateFilters(state, this.rows);
      this.updateStatus();
    }
    if (state.view === "charts" && !(hasSameRows && isSame("view"))) this.updateCharts();
    if (!isSame("punk")) this.updateDetail();
    if (isOpen) this.moveCursorToOpenPunk();
    this.updateInert();
    this.updateControls();
    if (!isSame("ids")) getById("ids").value = state.ids.join(", ");
    this.restoreFocus(focused);
  }

  /** Show the state in the controls above the grid. */
  updateControls() {
    const { sort, descending, view, punk } = this.state;
    const cursorRow = this.rows[this.grid.cursorIndex];
    const isCursorOnOpenPunk = punk !== null && cursorRow === this.collection.rowById.get(punk);
    getById("cursor").classList.toggle("open", isCursorOnOpenPunk);
    getById("sort").value = sort;
    getById("direction").textContent = descending ? "↓" : "↑";
    getById("direction").title = descending ? "Descending" : "Ascending";
    getById("direction").ariaLabel = `Order: ${descending ? "descending" : "ascending"}`;
    getById("size").value = this.grid.factor;
    for (const tab of document.querySelectorAll("[data-view]"))
      tab.setAttribute("aria-pressed", tab.dataset.view === view);
  }

  /** If the focused element was removed or hidden, focus its successor or the current view. */
  restoreFocus(focused) {
    if (focused.isConnected && focused.offsetParent !== null) return;
    const label = focused.dataset?.label;
    const successor = label && getById("charts").querySelector(`[data-label="${label}"]`);
    if (focused !== document.body)
      (successor || getById(this.state.view)).focus({ preventScroll: true });
  }

  /** Move the cursor to the open punk, and disable its buttons at the ends of the selection. */
  moveCursorToOpenPunk() {
    const isShown = this.grid.moveCursorToRow(this.collection.rowById.get(this.state.punk));
    for (const [name, offset] of [["Previous punk", -1], ["Next punk", 1]]) {
      const canStep = isShown && this.grid.cursorIndex + offset in this.rows;
      this.findDetailButton(name).setAttribute("aria-disabled", !canStep);
    }
  }

  findDetailButton(name) {
    return getById("detail").querySelector(`[aria-label="${name}"]`);
  }

  /** Exclude the rest of the page from focus and screen readers while the pane covers it. */
  updateInert() {
    for (const part of document.querySelectorAll("header, #filter-panel, main"))
      part.inert = this.phoneScreen.matches && this.state.punk !== null;
  }

  /** Draw the charts for the current width; data tables that are open stay open. */
  updateCharts() {
    const box = getById("charts");
    const width = box.clientWidth - parseFloat(getComputedStyle(box).paddingLeft) * 2;
    this.chartsWidth = box.clientWidth;
    box.classList.toggle("single-column", width < TWO_COLUMNS_MIN_WIDTH);
    const getTitle = (figure) => figure.querySelector("h2").textContent;
    const opened = [...box.querySelectorAll("figure:has(> details[open])")].map(getTitle);
    box.replaceChildren(...createCharts(this.collection, this.rows, this.toggleLabel, width));
    for (const figure of box.querySelectorAll("figure:has(> details)"))
      figure.querySelector("details").open = opened.includes(getTitle(figure));
  }

  updateStatus() {
    const { state, rows } = this;
    const total = pluralize(this.collection.count, "punk");
    getById("status").textContent = isFiltered(state) ? `${formatCount(rows.length)} of ${total}` : total;
    getById("clear").hidden = !isFiltered(state);
    getById("no-match").hidden = rows.length > 0;
    const hasOtherFilters = isFiltered({ ...state, ids: [] });
    const matching = hasOtherFilters ? "No punk that matches these filters" : "No punk in this snapshot";
    getById("no-match").textContent = state.ids.length
      ? `${matching} has the number ${state.ids.join(" or ")}.`
      : NO_MATCH_TEXT;
  }

  updateDetail() {
    const pane = getById("detail");
    if (this.state.punk === null) {
      pane.replaceChildren();
      return;
    }
    renderDetail(pane, this.collection, this.collection.rowById.get(this.state.punk), {
      openPunk: (row) => this.openPunk(row, true),
      toggleLabel: this.toggleLabel,
      close: () => this.closePunk(),
      step: (offset) => this.stepPunk(offset),
    });
    pane.scrollTop = 0;
  }

  /**
   * Merge `part` into the state. With `push`, the browser's Back button undoes the change.
   * `openedPane` marks a history entry that was added by opening the pane.
   */
  change(part, { push = false, openedPane = history.state?.openedPane } = {}) {
    this.apply({ ...this.state, ...part });
    const entry = [{ openedPane: Boolean(openedPane) }, "", writeAddress(this.state, this.collection)];
    if (push) history.pushState(...entry);
    else history.replaceState(...entry);
  }

  /** Add a label to the filters, or remove it. On a phone, this also closes the detail pane. */
  toggleLabel(label) {
    const filter = label < this.collection.typeNames.length ? "types" : "accessories";
    const labels = this.state[filter];
    const isSet = labels.includes(label);
    const part = { [filter]: isSet ? labels.filter((other) => other !== label) : [...labels, label] };
    if (this.phoneScreen.matches && this.state.punk !== null) this.closePunk(part);
    else this.change(part);
  }

  /** Show a punk in the detail pane, and optionally move the focus there. */
  openPunk(row, focus = false) {
    const opensPane = this.state.punk === null;
    this.change({ punk: this.collection.id[row] }, opensPane ? { push: true, openedPane: true } : {});
    if (focus) getById("detail").querySelector("h2").focus({ preventScroll: true });
  }

  /** Close the detail pane, and remove the history entry that was added when it was opened. */
  closePunk(part = {}) {
    const state = { ...this.state, ...part, punk: null };
    if (history.state?.openedPane) {
      this.stateAfterBack = state;
      history.back();
    } else {
      this.change(state);
      getById(this.state.view).focus({ preventScroll: true });
    }
  }

  /** Open the previous (-1) or next (1) punk of the selection. */
  stepPunk(offset) {
    const index = this.rows.indexOf(this.collection.rowById.get(this.state.punk));
    if (index < 0 || !(index + offset in this.rows)) return;
    this.openPunk(this.rows[index + offset]);
    this.findDetailButton(offset < 0 ? "Previous punk" : "Next punk").focus({ preventScroll: true });
  }

  /** Apply the state of a history entry, or the one that closePunk() has prepared. */
  handlePopState() {
    if (!this.stateAfterBack) {
      this.applyAddress();
      return;
    }
    const state = this.stateAfterBack;
    this.stateAfterBack = null;
    this.change(state, { openedPane: false });
    getById(this.state.view).focus({ preventScroll: true });
  }

  /** Filter by the types or accessories in the search field, or open the punk with its number. */
  search() {
    const field = getById("ids");
    const ids = (field.value.match(/\d+/g) ?? []).map(Number);
    const labels = findLabels(field.value, this.collection);
    if (labels.length) {
      const types = labels.filter((label) => label < this.collection.typeNames.length);
      const accessories = types.length ? [] : labels;
      field.value = ""; // The filters show what was found.
      this.change({ ids: [], types, accessories, matchAny: accessories.length > 1 });
      return;
    }
    if (!ids.length && field.value.trim()) {
      field.setCustomValidity("No type or accessory matches. Search for one, such as Mohawk, or for a punk number.");
      field.reportValidity();
      return;
    }
    const row = this.collection.rowById.get(ids[0]);
    if (ids.length === 1 && row !== undefined) {
      this.change({ view: "punks", ids: [] });
      field.value = ""; // The number is not a filter.
      this.openPunk(row, true);
    } else this.change({ ids, view: "punks" });
  }

  handleKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isTextField = event.target.matches("input[type=search], input[type=number]");
    if (event.key === "Escape" && this.state.punk !== null) this.closePunk();
    else if (event.key === "/" && !isTextField) getById("ids").focus();
    else return;
    event.preventDefault();
  }

  listen() {
    const onEvent = (id, type, listener) => getById(id).addEventListener(type, listener);
    onEvent("sort", "change", ({ target: { value: sort } }) =>
      this.change({ sort, descending: SORTS[sort].descending ?? false }),
    );
    onEvent("direction", "click", () => this.change({ descending: !this.state.descending }));
    onEvent("size", "input", (event) => this.change({ size: Number(event.target.value) }));
    onEvent("clear", "click", () => this.change(clearFilters(this.state)));
    for (const tab of document.querySelectorAll("[data-view]"))
      tab.addEventListener("click", () => {
        if (isNarrowScreen.matches) getById("filter-panel").open = false; // They are not the view.
        this.change({ view: tab.dataset.view }, { push: true, openedPane: false });
      });
    onEvent("search", "submit", (event) => {
      event.preventDefault();
      this.search();
    });
    onEvent("ids", "input", (event) => {
      event.target.setCustomValidity("");
      if (event.target.value === "" && this.state.ids.length) this.change({ ids: [] });
    });
    document.addEventListener("keydown", (event) => this.handleKey(event));
    window.addEventListener("popstate", () => this.handlePopState());
    this.phoneScreen.addEventListener("change", () => this.updateInert());
    new ResizeObserver(() => {
      const width = getById("charts").clientWidth;
      if (width && this.chartsWidth && width !== this.chartsWidth) this.updateCharts();
    }).observe(getById("charts"));
    // Captions are drawn on canvases, which do not follow the color scheme by themselves.
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.grid.updateLayout());
  }
}

/** Return the labels that have a word beginning with a text, for example three kinds of "mohawk". */
function findLabels(text, { labelNames }) {
  const start = ` ${text.trim().toLowerCase()}`;
  if (!/[a-z]/.test(start)) return [];
  return [...labelNames.keys()].filter((label) => ` ${labelNames[label].toLowerCase()}`.includes(start));
}

/** Collapse the filters on narrow screens, and expand them on wide ones. */
function foldFiltersOnNarrowScreens() {
  const update = () => (getById("filter-panel").open = !isNarrowScreen.matches);
  isNarrowScreen.addEventListener("change", update);
  update();
}

let isLoaded = false;

async function start() {
  const collection = await loadCollection();
  isLoaded = true;
  foldFiltersOnNarrowScreens();
  new App(collection).applyAddress();
  performance.mark("rendered");
  document.body.dataset.ready = "";
}

/** Return the reason why the page could not start. */
function describeFailure(error) {
  if (!("DecompressionStream" in window)) return "This browser is too old to unpack the page.";
  if (!isLoaded) return `The data in this file is damaged; write it again with: punkdata gallery (${error.message})`;
  return `The page could not start. (${error.message})`;
}

start().catch((error) => {
  getById("status").textContent = describeFailure(error);
  throw error;
});
