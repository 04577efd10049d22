// The view that says which punks a picture shows.

import { pluralize } from "../data/format.js";
import { createElement } from "../dom/elements.js";
import { decodePicture, listenForPictures } from "../dom/picture.js";
import { identifyPicture } from "../picture/identify.js";
import { createMatch, describeMatch } from "./picture_match.js";

const HELP =
  "Which punk is this? Drop a picture anywhere on this page, paste one, or choose a file: an image of a punk " +
  "or a screenshot with several. It does not leave your browser.";
const NO_FILE = "Only files can be dropped. Copy the picture and paste it here instead.";

export const pictureView = { name: "picture", label: "Picture", showsSelection: false, create: createPictureView };

function createPictureView(box, app) {
  const input = createElement("input", { type: "file", accept: "image/*", "aria-label": "Picture of a punk" });
  const answer = createElement("p", { className: "answer", role: "status" });
  const matches = createElement("div", { className: "matches" });
  const show = (text, ...children) => {
    answer.textContent = text;
    matches.replaceChildren(...children);
  };
  const identify = async (file) => {
    if (app.state.view !== "picture") app.change({ view: "picture" }, { push: true, openedPane: false });
    if (!file) return show(NO_FILE);
    show("Looking for punks …");
    try {
      const picture = await decodePicture(file);
      await new Promise((resolve) => setTimeout(resolve)); // The browser shows the text first.
      const found = identifyPicture(picture, app.collection);
      show(describeMatches(found, app.collection), ...createMatches(found, app));
    } catch (error) {
      show(error.message);
    }
  };
  input.addEventListener("change", () => {
    if (input.files.length) identify(input.files[0]);
    input.value = ""; // The same file can be chosen again.
  });
  listenForPictures(identify);
  box.append(
    createElement("div", { className: "drop-zone" }, createElement("p", {}, HELP), input),
    answer,
    matches,
  );
  return () => {};
}

/** Create the figures of the punks in a picture and, for several, the button that selects them. */
function createMatches(found, app) {
  const figures = found.map((match) => createMatch(match, app, found.length === 1));
  if (found.length < 2) return figures;
  const ids = found.map(({ nearest }) => app.collection.id[nearest[0][0]]);
  const onclick = () => app.change({ view: "punks", ids }, { push: true, openedPane: false });
  const select = createElement("button", { type: "button", onclick }, "Show these punks in the grid");
  return [createElement("div", { className: "wide" }, select), ...figures];
}

/** Return a sentence about the punks that a picture shows. */
function describeMatches(found, { id }) {
  if (!found.length) return "There is no punk in this picture, or it is too small or blurry to be read.";
  if (found.length > 1) return `${pluralize(found.length, "punk")} in this picture.`;
  return describeMatch(id[found[0].nearest[0][0]], found[0]);
}
