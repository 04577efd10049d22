// Files and texts that leave the page: downloads and the clipboard.

import { createElement } from "./elements.js";

/** Save a Blob as a file, in the way of this browser. */
export function saveBlob(blob, name) {
  const link = createElement("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000); // Some browsers read it after the click.
}

/** Copy a text to the clipboard; return whether the browser permits it. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
