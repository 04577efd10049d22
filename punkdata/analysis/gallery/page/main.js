// The start of the page.

import { App } from "./app.js";
import { createCollection } from "./data/collection.js";
import { unpackBytes } from "./data/unpacking.js";
import { getById, narrowScreen } from "./dom/elements.js";

let isLoaded = false;

async function loadCollection() {
  const ids = ["data", "sprites", "renderer"];
  const [json, pixels, renderer] = await Promise.all(ids.map((id) => unpackBytes(getById(id).textContent)));
  return createCollection(JSON.parse(new TextDecoder().decode(json)), pixels, renderer);
}

/** Collapse the filters on narrow screens, and expand them on wide ones. */
function foldFiltersOnNarrowScreens() {
  const update = () => (getById("filter-panel").open = !narrowScreen.matches);
  narrowScreen.addEventListener("change", update);
  update();
}

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
