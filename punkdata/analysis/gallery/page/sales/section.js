// The sales of one punk: a summary, the history of its price and a table.

import { formatCount, formatDate, formatDollars, formatEth, pluralize } from "../data/format.js";
import { createDescriptionList, createElement } from "../dom/elements.js";
import { createAccount, createLink, EXPLORER } from "./account_button.js";
import { getAddress } from "./accounts.js";
import { getDollars, getTransaction } from "./facts.js";
import { createPriceHistoryChart } from "./history.js";

const HISTORY = "https://cryptopunks.app/cryptopunks/details";

/** Return how often a punk was sold. The market of the CryptoPunks and those of wrapped punks differ. */
function describeSaleCount(count, total) {
  const wrapped = total > count ? `, and ${formatCount(total - count)} as a wrapped punk` : "";
  return pluralize(count, "time") + wrapped;
}

/** Create the summary, chart and table of a punk's sales. */
export function createPrices(app, row) {
  const { collection } = app;
  const formatOptional = (price) => (price === null ? "–" : formatEth(price));
  const sales = collection.salesByRow[row];
  const listing = ["Listed for", formatOptional(collection.listing[row])];
  if (!sales.length) return [createDescriptionList([["Sold", "no sales in this snapshot"], listing])];
  const pricedSales = sales.filter((sale) => collection.sales.eth[sale] !== null);
  return [
    createDescriptionList([
      ["Sold", describeSaleCount(collection.saleCount[row], sales.length)],
      ["Last sale", formatOptional(collection.last[row])],
      ["Median sale", formatOptional(collection.median[row])],
      ["Highest sale", formatOptional(collection.highest[row])],
      listing,
    ]),
    ...(pricedSales.length ? [createPriceHistoryChart(collection, row, pricedSales)] : []),
    createSalesTable(app, sales),
    createElement(
      "p",
      { className: "note" },
      createLink(`${HISTORY}/${collection.id[row]}`, "All transactions of this punk"),
      " (opens cryptopunks.app)",
    ),
  ];
}

/** Create the table of sales, newest first. */
function createSalesTable(app, sales) {
  const head = ["Date", "Price", "Parties"].map((text) => createElement("th", { scope: "col" }, text));
  return createElement(
    "table",
    { className: "sales" },
    createElement("caption", { className: "visually-hidden" }, "All sales, newest first"),
    createElement("thead", {}, createElement("tr", {}, ...head)),
    createElement("tbody", {}, ...sales.toReversed().map((sale) => createSaleRow(app, sale))),
  );
}

function createSaleRow(app, sale) {
  const { collection } = app;
  const { sales } = collection;
  const hash = getTransaction(sales, sale);
  const dollars = getDollars(collection, sale);
  const createLine = (...content) => createElement("div", {}, ...content);
  const parties = [["from", "seller"], ["to", "buyer"]].map(([word, role]) =>
    createLine(`${word} `, ...createAccount(app, getAddress(collection, sales[role][sale]))),
  );
  return createElement(
    "tr",
    {},
    createElement(
      "td",
      {},
      createLine(formatDate(sales.at[sale])),
      ...(hash ? [createLine(createLink(`${EXPLORER}/tx/${hash}`, "transaction"))] : []),
    ),
    createElement(
      "td",
      {},
      createLine(sales.eth[sale] === null ? sales.note[sale] : formatEth(sales.eth[sale])),
      ...(dollars === null ? [] : [createLine(formatDollars(dollars))]),
    ),
    createElement("td", { className: "parties" }, ...parties),
  );
}
