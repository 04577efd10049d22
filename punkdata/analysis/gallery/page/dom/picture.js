// Decoding of pictures that a user drops, pastes or chooses. Nothing leaves the browser.

import { createElement } from "./elements.js";

const MAX_PICTURE_PIXELS = 16_000_000;

/** Return the pixels { width, height, data } of an image file. Throws an Error with a sentence for users. */
export async function decodePicture(file) {
  const bitmap = await createImageBitmap(file, { premultiplyAlpha: "none", colorSpaceConversion: "none" }).catch(() => {
    throw new Error("This browser cannot read the file as a picture. Save it as a PNG or JPEG, and try again.");
  });
  const { width, height } = bitmap;
  if (width * height > MAX_PICTURE_PIXELS)
    throw new Error(`The picture is too large, ${width}×${height} pixels. Crop it to the punk, and try again.`);
  const canvas = createElement("canvas", { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}

/** Call `onFile(file)` for each file that is dropped on the page or pasted into it, or null if there is none. */
export function listenForPictures(onFile) {
  const findFile = (transfer) => [...transfer.files].find(({ type }) => type.startsWith("image/")) ?? transfer.files[0];
  const setDragging = (isDragging) => document.body.classList.toggle("is-dragging", isDragging);
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    setDragging(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) setDragging(false);
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    setDragging(false);
    onFile(findFile(event.dataTransfer) ?? null);
  });
  document.addEventListener("paste", (event) => {
    const file = findFile(event.clipboardData);
    if (!file) return; // Text is pasted into fields.
    event.preventDefault();
    onFile(file);
  });
}
