// The panels and the views of the page. A new one is a module and a line here.

import { mapView } from "./map/view.js";
import { createDetail } from "./panels/detail.js";
import { createExport } from "./panels/export.js";
import { createFilters } from "./panels/filters.js";
import { createSearch } from "./panels/search.js";
import { createToolbar } from "./panels/toolbar.js";
import { chartsView } from "./views/charts.js";
import { compareView } from "./views/compare.js";
import { makeView } from "./views/make.js";
import { pictureView } from "./views/picture.js";
import { punksView } from "./views/punks.js";

/**
 * The panels around the view, which are always updated. Each is a function (app) that returns the
 * function update(change), with:
 *
 * - `change.state` and `change.rows`: the new state and the rows that it selects.
 * - `change.changed(...names)`: whether any of these parameters differs from the previous call.
 * - `change.hasNewRows`, `change.hasNewOrder`: whether the selection, or also its order, differs.
 */
export const PANELS = [createFilters, createToolbar, createSearch, createExport, createDetail];

/**
 * The views in the order of their buttons; the first is the initial one. Each has:
 *
 * - `name` and `label`: the id of its box, also in the address, and the text of its button,
 *   or a function that returns this text for a state.
 * - `create(box, app)`: fills the box and returns update(change), see above. It is called only
 *   while the view is shown; then `change.wasHidden` says whether it was hidden before.
 * - `showsSelection`: false for a view without the selected punks, which a search leaves; optional.
 * - `isAvailable(collection)`: whether this collection has what it shows; optional.
 * - `parameters`: its own parameters of the state, see PARAMETERS; optional.
 */
export const VIEWS = [punksView, mapView, chartsView, compareView, makeView, pictureView];
