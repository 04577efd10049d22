// The predictions of a classifier for all punks, which are only in the page of `punkmodels page`.

import { formatCount } from "../data/format.js";

const TRAIN = 0; // the split of the punks that the classifier was trained on

/** Return whether a classifier predicts exactly the visible labels of a punk. */
export const isRight = ({ wrong, missed }, row) => !wrong[row].length && !missed[row].length;

const isWrong = (predictions, row) => !isRight(predictions, row);

/** Return whether a punk was in the training of the classifier. */
export const isInTraining = ({ split }, row) => split[row] === TRAIN;

/** The results by which the filter selects: their texts, and the tests of a row. */
export const MODEL_RESULTS = {
  right: { text: "right", test: isRight },
  wrong: { text: "wrong", test: isWrong },
  unseen: {
    text: "wrong, not in training",
    test: (predictions, row) => isWrong(predictions, row) && !isInTraining(predictions, row),
  },
};

/** The parameter of the state that selects by a result; see PARAMETERS. */
export const MODEL_PARAMETER = {
  key: "model",
  initial: null, // a name in MODEL_RESULTS
  read: (text, { predictions }) => (predictions && Object.hasOwn(MODEL_RESULTS, text) ? text : null),
  createFilter: (name, { predictions }) => (row) => MODEL_RESULTS[name].test(predictions, row),
};

/** Return the predicted labels of a punk, each with whether the punk has it. */
export function listPredicted({ predictions, labels, hiddenAccessories, typeNames }, row) {
  const { wrong, missed, typesOnly } = predictions;
  const isHidden = (label) => hiddenAccessories[row].includes(label - typeNames.length);
  const shown = labels[row].filter(
    (label) => !missed[row].includes(label) && !isHidden(label) && (!typesOnly || label < typeNames.length),
  );
  return [
    ...shown.map((label) => ({ label, isCorrect: true })),
    ...wrong[row].map((label) => ({ label, isCorrect: false })),
  ].sort((a, b) => a.label - b.label);
}

/** Return how often a classifier is right, by the split of its training: "999 of 1,000 in test". */
export function describeAccuracy({ predictions, id }, splitNames) {
  const counts = splitNames.map(() => [0, 0]);
  id.forEach((_, row) => {
    const count = counts[predictions.split[row]];
    if (!count) return; // The training did not use the punk.
    count[0] += isRight(predictions, row);
    count[1]++;
  });
  return splitNames.flatMap((name, split) => (counts[split][1] ? [`${counts[split].map(formatCount).join(" of ")} in ${name}`] : []));
}
