// Saving what the page has made as a file.

import { createElement } from "./elements.js";

/** Save a Blob as a file, in the way of this browser. */
export function saveBlob(blob, name) {
  const link = createElement("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000); // Some browsers read it after the click.
}
