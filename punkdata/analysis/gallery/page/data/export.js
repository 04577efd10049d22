// The selected punks as a table: the columns of the snapshot, as CSV or JSON.

import { SPLITS } from "./state.js";

/** Return the columns of a collection, from their names in the snapshot to (row) => value. */
export function listColumns(collection) {
  const column = (name) => (row) => collection[name][row];
  const names = (ids) => ids.map((id) => collection.accessoryNames[id]);
  const toDate = (seconds) => (seconds === null ? null : new Date(seconds * 1000).toISOString().replace(".000", ""));
  const columns = {
    punk_id: column("id"),
    type: (row) => collection.typeNames[collection.type[row]],
    accessories: (row) => names(collection.accessories[row]),
    accessory_count: (row) => collection.accessories[row].length,
    hidden_accessories: (row) => names(collection.hiddenAccessories[row]),
    split: (row) => SPLITS[collection.split[row]],
    split_by_id: (row) => SPLITS[collection.splitById[row]],
    rarity_score: column("rarityScore"),
    rarity_rank: column("rarityRank"),
  };
  if (collection.predictions) Object.assign(columns, listPredictionColumns(collection));
  if (!collection.sales) return columns;
  return {
    ...columns,
    sale_count: column("saleCount"),
    last_sold_at: (row) => toDate(collection.lastSoldAt[row]),
    last_sale_eth: column("last"),
    median_sale_eth: column("median"),
    max_sale_eth: column("highest"),
    lowest_listing_eth: column("listing"),
  };
}

/** Return what a classifier predicts wrongly, what it misses, and how certain it is. */
function listPredictionColumns({ predictions, labelNames }) {
  const names = (labels) => labels.map((label) => labelNames[label]);
  return {
    predicted_wrong: (row) => names(predictions.wrong[row]),
    predicted_missed: (row) => names(predictions.missed[row]),
    confidence: (row) => predictions.confidence[row],
  };
}

/** Return rows as JSON: a list of objects. */
export function writeJson(collection, rows) {
  const columns = Object.entries(listColumns(collection));
  const punks = rows.map((row) => Object.fromEntries(columns.map(([name, getValue]) => [name, getValue(row)])));
  return `${JSON.stringify(punks, null, 1)}\n`;
}

/** Return rows as CSV with a header. Lists are joined with |, and unknown values are empty. */
export function writeCsv(collection, rows) {
  const columns = listColumns(collection);
  const format = (value) => {
    const text = Array.isArray(value) ? value.join("|") : `${value ?? ""}`;
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = rows.map((row) => Object.values(columns).map((getValue) => format(getValue(row))).join(","));
  return [Object.keys(columns).join(","), ...lines, ""].join("\n");
}
