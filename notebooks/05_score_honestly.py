# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # How to score honestly
#
# Two people report 97% for their models of punks. Which model is better? This notebook shows what
# such a number depends on: the split, the score, labels that no image shows, chance, and the number
# of samples. It takes about three minutes on two cores.

# %%
try:
    import torch

    import punkmodels
except ImportError:
    # In a clone of the repository: %pip install -q -e "..[models]"
    # %pip install -q "punkdata[models]"
    import punkmodels

print("punkmodels", punkmodels.__version__)

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import nn

import punkdata
import punkmodels

torch.set_num_threads(1)  # Several threads hardly help networks that are so small.
train = punkdata.PunkDataset(split="train", visible_only=True, download=True)
val = punkdata.PunkDataset(split="val", visible_only=True)
test = punkdata.PunkDataset(split="test", visible_only=True)

# %% [markdown]
# ## 1. The split
#
# The obvious split is by number: train on the punks 0 to 7999, and test on the last thousand. Count
# the types in both splits: by number, validation and test have no Alien at all, so nobody can know
# whether the model recognizes one. The default split of punkdata is stratified, which keeps the
# shares of all 92 labels the same.

# %%
everyone = punkdata.PunkDataset(split="all").to_pandas()
pd.concat(
    {
        "default": pd.crosstab(everyone["type"], everyone["split"]),
        "by_id": pd.crosstab(everyone["type"], everyone["split_by_id"]),
    },
    axis=1,
)

# %% [markdown]
# Each split has its purpose. Train on `train`. Choose between models, epochs and options on `val`.
# Use `test` once, for the number that you report.
#
# ## 2. The score
#
# Here is a model: one linear layer on all pixels. It takes seconds to train, and its outputs are
# scores, one for each of 1,000 test punks and 92 labels.


# %%
def train_linear(train, epochs=15, seed=0):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4 * 24 * 24, 92))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(epochs):
        for images, labels in train.batches(64, seed=100 * seed + epoch):
            loss = nn.functional.binary_cross_entropy_with_logits(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


model = train_linear(train)
with torch.inference_mode():
    scores = model(test.data / 255)
scores.shape

# %% [markdown]
# The accuracy over all labels looks excellent. But compare it with a model that knows nothing, and
# always gives the most frequent answer of each label: the *majority baseline*.

# %%
truth = test.targets > 0
predicted = scores > 0
majority = (train.targets.mean(dim=0) > 0.5).expand_as(truth)
print(f"accuracy of the linear model:  {(predicted == truth).float().mean():.4f}")
print(f"accuracy of the majority:      {(majority == truth).float().mean():.4f}")
print(f"exact match, linear model:     {(predicted == truth).all(dim=1).float().mean():.4f}")
print(f"exact match, majority:         {(majority == truth).all(dim=1).float().mean():.4f}")

# %% [markdown]
# Accuracy hardly tells the two apart; the *exact match* does. It is the share of punks for which
# every label is right.
#
# `evaluate_predictions` scores any model, from PyTorch, Keras or scikit-learn, with the code that
# punkmodels uses for its own models. It needs one row for each punk of the split, and one
# column for each label, as logits or probabilities. Its exact match can differ a little from the
# one above, because it predicts exactly one type for each punk, the most likely one.

# %%
evaluation = punkmodels.evaluate_predictions(scores, split="test")
evaluation

# %% [markdown]
# *Macro-AP* is the mean of the average precision of each label. It looks at the order of the scores
# only, and gives rare labels the same weight as common ones. A label *gains* nothing if its
# accuracy is not above the majority's: for such labels, the model has learned nothing useful.

# %%
labels = pd.DataFrame(evaluation.scores["labels"]).set_index("label")
columns = ["punks", "accuracy", "gain_vs_majority", "recall", "average_precision"]
labels.sort_values("gain_vs_majority")[columns].head(6).round(4)

# %% [markdown]
# ## 3. What no image shows
#
# Some labels change no pixel, like an earring under long hair. Here are the accessories that are
# hidden most often. `hidden` says for each punk which of its labels are hidden.

# %%
hidden = pd.Series(test.hidden.sum(axis=0).numpy(), index=punkdata.LABELS)
print(f"{hidden.sum()} labels of {test.hidden.any(axis=1).sum()} test punks are hidden")
hidden.sort_values(ascending=False).head(4)

# %% [markdown]
# Labels as published are *raw*, and those that a pixel shows are *visible*. On raw labels, even a
# perfect model cannot exceed the ceiling. So say which of the two you report.

# %%
for kind in ("visible", "raw"):
    print(f"exact match on {kind} labels: {evaluation.scores[kind]['exact_match']:.4f}")
print(f"ceiling on raw labels:   {evaluation.scores['ceiling_visible_only']['exact_match']:.4f}")

# %% [markdown]
# ## 4. Chance
#
# A thousand test punks are a sample, too: `evaluate_predictions` estimates the 95% interval of each
# score by resampling the test punks (bootstrap). And training has a random seed. Train at least
# three times, and report the mean and the standard deviation.

# %%
low, high = evaluation.scores["visible_95"]["exact_match"]
print(f"95% interval of the exact match, because of the test punks: {low:.4f} to {high:.4f}")

# %%
results = []
for seed in range(3):
    model = train_linear(train, seed=seed)
    with torch.inference_mode():
        logits = model(val.data / 255)
    result = punkmodels.evaluate_predictions(logits, split="val")
    results.append(result.scores["visible"]["exact_match"])
print("exact match of three seeds:", ", ".join(f"{result:.4f}" for result in results))
print(f"mean ± standard deviation: {np.mean(results):.4f} ± {np.std(results, ddof=1):.4f}")

# %% [markdown]
# If two models differ by less than these numbers, the data does not tell which is better.
#
# ## 5. Generators
#
# For generated images there is no right answer, so several scores are needed. The bundled GAN and
# real training punks, which are the best that a generator could be:

# %%
bundled = punkmodels.load_generator("bundled-gan")
sprites = bundled.generate(2000, seed=0)
generated = punkmodels.evaluate_images(sprites)
generated

# %% [markdown]
# - The *Fréchet distance* is 0 for equal distributions. With 2,000 samples, however, even real
#   punks are not at 0: compare with the column *train reference*, not with 0.
# - *Recall* finds generators that omit kinds of punks, *precision* those that generate nonsense.
# - The *train copy rate* finds generators that have memorized the training images. Copies are not
#   wrong in themselves: labels determine all pixels, so even a perfect generator makes some. But
#   without memorizing, there are only four times as many copies of the 8,000 training punks as of
#   the 2,000 held-out ones, which the *held-out copy rate* counts.

# %%
for name in ("frechet_distance", "recall", "train_copy_rate", "held_out_copy_rate"):
    value, floor = (generated.scores[column][name] for column in ("generated", "train_reference"))
    print(f"{name}: generated {value:.3f}, real training punks {floor:.3f}")

# %% [markdown]
# A cheat: copy training images. The scores are excellent, and only the copy rate reveals it. So
# always report it, and look at the nearest training images.

# %%
copies = train.data[torch.randperm(len(train))[:2000]]
cheat = punkmodels.evaluate_images(copies)
both = {"bundled": generated, "cheat": cheat}
table = pd.DataFrame({name: e.scores["generated"] for name, e in both.items()})
table.loc[["frechet_distance", "precision", "recall", "coverage", "train_copy_rate"]].round(3)

# %% [markdown]
# ## 6. The number of samples
#
# Recall and coverage (the share of real punks with a generated one nearby) depend on how many
# images are compared. Fewer images find fewer real punks, although the generator is the same.
# Compare scores only for the same number of samples; 10,000 are recommended.

# %%
sizes = [100, 500, 1000, 2000]
rows = [punkmodels.evaluate_images(sprites[:size], progress=False) for size in sizes]
table = pd.DataFrame([row.scores["generated"] for row in rows], index=sizes)
axes = table[["recall", "coverage"]].plot(marker="o", figsize=(6, 3), ylim=(0, 1.05))
axes.set(xlabel="number of generated images", ylabel="score", title="The same generator")
plt.show()

# %% [markdown]
# ## A checklist
#
# Report with your scores:
#
# - The split, by name, and that the test split was used once.
# - Exact match and macro-AP instead of accuracy, next to a baseline.
# - Raw or visible labels, with the ceiling.
# - Mean ± standard deviation of several seeds.
# - For generators: Fréchet distance and recall next to those of real punks, the copy rate, the
#   number of samples.
#
# ## Where to go next
#
# - In a terminal: `punkmodels evaluate predictions scores.npz` scores a file of predictions, and
#   `punkmodels evaluate FOLDER` a folder of images.
# - Notebook 2, `02_classifier`, and notebook 3, `03_dcgan`, train the models.
