// The menu that takes the selection along: as a table, as a picture or as a link.

import { writeCsv, writeJson } from "../data/export.js";
import { pluralize } from "../data/format.js";
import { createContactSheet } from "../dom/contact_sheet.js";
import { copyText, saveBlob } from "../dom/download.js";
import { createElement, getById } from "../dom/elements.js";

/** Fill the menu, and return the function that updates it. */
export function createExport(app) {
  const { collection } = app;
  const menu = getById("export");
  const note = createElement("p", { className: "note" });
  const save = (extension, type, write) => {
    const name = `cryptopunks-${app.rows.length}.${extension}`;
    saveBlob(new Blob([write(collection, app.rows)], { type }), name);
    app.announce(`Saved ${name}.`);
  };
  const actions = [
    ["CSV table", () => save("csv", "text/csv", writeCsv)],
    ["JSON", () => save("json", "application/json", writeJson)],
    ["Contact sheet (PNG)", () => savePicture(app)],
    ["Copy link", () => copyLink(app)],
  ];
  const buttons = actions.map(([text, act]) => {
    const onclick = () => {
      menu.open = false;
      act();
    };
    return createElement("button", { type: "button", onclick }, text);
  });
  menu.append(createElement("div", { className: "menu" }, note, ...buttons));
  menu.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget && !menu.contains(relatedTarget)) menu.open = false;
  });
  document.addEventListener("pointerdown", ({ target }) => {
    if (!menu.contains(target)) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
    event.stopPropagation();
  });
  return ({ rows, hasNewRows }) => {
    if (!hasNewRows) return;
    note.textContent = `The ${pluralize(rows.length, "selected punk")}, in this order:`;
    buttons.slice(0, 3).forEach((button) => (button.disabled = !rows.length));
  };
}

function savePicture(app) {
  createContactSheet(app.collection, app.rows).toBlob((blob) => {
    const name = `cryptopunks-${app.rows.length}.png`;
    saveBlob(blob, name);
    app.announce(`Saved ${name}.`);
  });
}

/** Copy the address of the page. */
export async function copyLink(app) {
  const isCopied = await copyText(location.href);
  app.announce(isCopied ? "The link is in the clipboard." : "The browser does not permit it; copy the address above.");
}
