// The application. The whole page is rendered from one state object. Every change goes through
// change(), which updates the page and writes the state to the address.

import { readAddress, writeAddress } from "./data/address.js";
import { MAX_COMPARED, toggleCompared } from "./data/comparison.js";
import { selectRows } from "./data/selection.js";
import { listFilters, PARAMETERS } from "./data/state.js";
import { createElement, getById, narrowScreen, phoneScreen } from "./dom/elements.js";
import { PANELS, VIEWS } from "./table.js";

export class App {
  constructor(collection) {
    this.collection = collection;
    this.state = null;
    this.rows = []; // the selected rows, in the order of the state
    this.stateAfterBack = null; // state to apply when history.back() has finished
    this.toggleLabel = this.toggleLabel.bind(this);
    const views = VIEWS.filter((view) => view.isAvailable?.(collection) ?? true);
    this.parameters = createParameters(views);
    this.filterNames = listFilters(this.parameters);
    this.views = views.map((view) => this.createView(view));
    this.panels = PANELS.map((create) => ({ update: create(this), lastState: null }));
    this.listen();
  }

  /** Create the box of a view and the button that shows it. */
  createView({ name, label, create, showsSelection = true }) {
    const box = createElement("div", { id: name, className: "view", tabIndex: -1, hidden: true });
    const onclick = () => {
      if (narrowScreen.matches) getById("filter-panel").open = false; // They are not the view.
      this.change({ view: name }, { push: true, openedPane: false });
    };
    const button = createElement("button", { type: "button", onclick, "data-view": name });
    document.querySelector("nav").append(button);
    document.querySelector("main").append(box);
    const getLabel = typeof label === "function" ? label : () => label;
    return { name, showsSelection, getLabel, box, button, update: create(box, this), lastState: null };
  }

  /** Return the name of the current view, or of the first one if that does not show the selection. */
  getSelectionView() {
    const { showsSelection } = this.views.find(({ name }) => name === this.state.view);
    return showsSelection ? this.state.view : this.views[0].name;
  }

  /** Apply the state that the address encodes. */
  applyAddress() {
    this.apply(readAddress(location.hash, this.collection, this.parameters));
  }

  /** Make a state current, and update the panels and the current view. */
  apply(state) {
    const focused = document.activeElement;
    if (this.state === null || isChanged(this.state, state, [...this.filterNames, "sort"]))
      this.rows = selectRows(state, this.collection, this.parameters);
    this.state = state;
    this.announce("");
    const shown = this.views.find((view) => view.name === state.view);
    const wasHidden = shown.box.hidden;
    for (const view of this.views) {
      view.box.hidden = view !== shown;
      view.button.textContent = view.getLabel(state);
      view.button.setAttribute("aria-pressed", view === shown);
    }
    for (const control of document.querySelectorAll("[data-only-view]"))
      control.hidden = control.dataset.onlyView !== state.view;
    for (const panel of this.panels) this.updatePart(panel, false);
    this.updatePart(shown, wasHidden);
    this.updateInert();
    this.restoreFocus(focused);
  }

  /** Call a panel's or a view's update() with what has changed since its previous call. */
  updatePart(part, wasHidden) {
    const { state, rows } = this;
    const last = part.lastState;
    const changed = (...names) => last === null || isChanged(last, state, names);
    part.lastState = state;
    part.update({
      state,
      rows,
      wasHidden,
      changed,
      hasNewRows: changed(...this.filterNames),
      hasNewOrder: changed(...this.filterNames, "sort"),
    });
  }

  /** Tell the user what an action has done; the next change removes the text. */
  announce(text) {
    getById("message").textContent = text;
  }

  /** If the focused element was removed or hidden, focus its successor or the current view. */
  restoreFocus(focused) {
    if (focused.isConnected && focused.offsetParent !== null) return;
    const label = focused.dataset?.label;
    const view = getById(this.state.view);
    const successor = label && view.querySelector(`[data-label="${label}"]`);
    if (focused !== document.body) (successor || view).focus({ preventScroll: true });
  }

  /** Exclude the rest of the page from focus and screen readers while the pane covers it. */
  updateInert() {
    for (const part of document.querySelectorAll("header, #filter-panel, main"))
      part.inert = phoneScreen.matches && this.state.punk !== null;
  }

  /**
   * Merge `part` into the state. With `push`, the browser's Back button undoes the change.
   * `openedPane` marks a history entry that was added by opening the pane.
   */
  change(part, { push = false, openedPane = history.state?.openedPane } = {}) {
    this.apply({ ...this.state, ...part });
    const address = writeAddress(this.state, this.collection, this.parameters);
    const entry = [{ openedPane: Boolean(openedPane) }, "", address];
    try {
      if (push) history.pushState(...entry);
      else history.replaceState(...entry);
    } catch {
      // Safari refuses more than 100 changes in 30 seconds; the next one writes the address.
    }
  }

  /** Add a label to the filters, or remove it. On a phone, this also closes the detail pane. */
  toggleLabel(label) {
    const filter = label < this.collection.typeNames.length ? "types" : "accessories";
    const labels = this.state[filter];
    const isSet = labels.includes(label);
    const part = { [filter]: isSet ? labels.filter((other) => other !== label) : [...labels, label] };
    if (phoneScreen.matches && this.state.punk !== null) this.closePunk(part);
    else this.change(part);
  }

  /** Add a punk to the comparison, or remove it. */
  toggleCompared(row) {
    const id = this.collection.id[row];
    const compare = toggleCompared(this.state.compare, id);
    const isFull = compare === this.state.compare;
    this.change({ compare });
    if (isFull) this.announce(`${MAX_COMPARED} punks are compared already; remove one first.`);
    else this.announce(`Punk ${id} ${compare.includes(id) ? "added to" : "removed from"} the comparison.`);
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

  /** Open the previous (-1) or next (1) punk of the selection; return whether there is one. */
  stepPunk(offset) {
    const index = this.rows.indexOf(this.collection.rowById.get(this.state.punk));
    if (index < 0 || !(index + offset in this.rows)) return false;
    this.openPunk(this.rows[index + offset]);
    return true;
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

  listen() {
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key !== "Escape" || this.state.punk === null) return;
      this.closePunk();
      event.preventDefault();
    });
    window.addEventListener("popstate", () => this.handlePopState());
    phoneScreen.addEventListener("change", () => this.updateInert());
  }
}

/** Return the parameters of the state: those of all pages, the view, and those of the views. */
function createParameters(views) {
  const names = views.map(({ name }) => name);
  const view = {
    key: "view",
    initial: names[0],
    read: (name) => (names.includes(name) ? name : null),
  };
  return Object.assign({}, PARAMETERS, { view }, ...views.map(({ parameters }) => parameters));
}

const isChanged = (before, after, names) => names.some((name) => `${before[name]}` !== `${after[name]}`);
