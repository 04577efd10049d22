// What a classifier predicts for the open punk.

import { SPLITS } from "../data/state.js";
import { createDescriptionList, createElement } from "../dom/elements.js";
import { isInTraining, isRight, listPredicted } from "./predictions.js";

/** Create the predicted labels, what is missing, the confidence, and the role in the training. */
export function createPrediction(collection, row) {
  const { predictions, labelNames } = collection;
  const names = (labels) => labels.map((label) => labelNames[label]).join(", ");
  const predicted = listPredicted(collection, row).map(({ label, isCorrect }) =>
    createElement("li", { className: isCorrect ? "" : "wrong-label" }, labelNames[label], isCorrect ? "" : " (wrong)"),
  );
  const missed = predictions.missed[row];
  const split = SPLITS[predictions.split[row]] ?? "unused";
  return [
    createElement("ul", { className: "predicted" }, ...predicted),
    createDescriptionList([
      ["Model", predictions.model],
      ["Result", isRight(predictions, row) ? "right" : "wrong"],
      ...(missed.length ? [["Missed", names(missed)]] : []),
      ["Confidence", `${(100 * predictions.confidence[row]).toFixed(2)}% for the least certain label`],
      ["In training", `${isInTraining(predictions, row) ? "yes" : "no"} (${split} in the split scheme ${predictions.splitScheme})`],
    ]),
  ];
}
