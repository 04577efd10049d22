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
# # A classifier of types and accessories
#
# Tutorials on multi-label classification usually end with an accuracy of 97% and a few pictures.
# This notebook follows them, with a small convolutional network in a plain training loop, and then
# does what they leave out: it compares scores with what is possible, looks at every error, and
# searches for better options. It takes three or four minutes on two cores.

# %%
try:
    import optuna
    import torch

    import punkmodels
except ImportError:
    # In a clone of the repository: %pip install -q -e "..[models,tune]"
    # %pip install -q "punkdata[models,tune]"
    import punkmodels

print("punkmodels", punkmodels.__version__)

# %% [markdown]
# ## The data
#
# The punks are divided into 8,000 for training, 1,000 for validation and 1,000 for testing. Each
# image has 92 labels, 5 types and 87 accessories, which are 0 or 1. `visible_only=True` sets labels
# to 0 that no pixel shows, like an earring under long hair, because no network could learn those.

# %%
import matplotlib.pyplot as plt
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader

import punkdata
import punkmodels

torch.set_num_threads(1)  # Several threads hardly help networks that are so small.
train = punkdata.PunkDataset(split="train", visible_only=True, download=True)
val = punkdata.PunkDataset(split="val", visible_only=True)
test = punkdata.PunkDataset(split="test", visible_only=True)
print(len(train), len(val), len(test))

# %% [markdown]
# A `PunkDataset` works with PyTorch's `DataLoader`, like the data sets of torchvision.

# %%
loader = DataLoader(train, batch_size=64, shuffle=True)
images, labels = next(iter(loader))
print("images:", tuple(images.shape), images.dtype)
print("labels:", tuple(labels.shape), labels.dtype)
print("the first one:", train.names(labels[0]))

# %% [markdown]
# ## A network of your own
#
# Two convolutions and two linear layers. Note what is missing: global average pooling, which many
# networks end with. It would discard the positions, but on a punk a pixel's position says most of
# what it means.

# %%
network = nn.Sequential(
    nn.Conv2d(4, 16, kernel_size=3, padding=1),
    nn.ReLU(),
    nn.Conv2d(16, 32, kernel_size=3, stride=2, padding=1),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(32 * 12 * 12, 128),
    nn.ReLU(),
    nn.Linear(128, len(train.classes)),
)
print(f"{sum(p.numel() for p in network.parameters()):,} parameters")

# %% [markdown]
# The loss treats each label as a question of its own, with the answer yes or no: binary
# cross-entropy of logits.

# %%
optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
loss_function = nn.BCEWithLogitsLoss()
for epoch in range(5):
    total = 0.0
    for images, labels in loader:
        loss = loss_function(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(images)
    print(f"epoch {epoch + 1}: training loss {total / len(train):.4f}")

# %% [markdown]
# ## How good is it?
#
# The accuracy over all labels looks excellent. But always answering "no" looks good, too, because
# most punks lack most labels. The *exact match* is the share of punks for which all 92 answers are
# right.

# %%
with torch.inference_mode():
    logits = network(val.data / 255)
predicted, truth = logits > 0, val.targets > 0
print(f"accuracy of this network:     {(predicted == truth).float().mean():.4f}")
print(f"accuracy of always no:        {(~truth).float().mean():.4f}")
print(f"exact match of this network:  {(predicted == truth).all(dim=1).float().mean():.4f}")

# %% [markdown]
# `evaluate_predictions` computes these and other scores for any classifier, with confidence
# intervals. It predicts exactly one type for each punk, the most likely one, so its exact match can
# differ a little. Notebook 5 explains them.

# %%
own = punkmodels.evaluate_predictions(logits, split="val")
own

# %% [markdown]
# ## The classifier of punkmodels
#
# `train_classifier` starts from ridge regression on the pixels, whose solution takes seconds, and
# adds a layer of hidden units. It sees each pixel as one of the 222 colors of the collection
# instead of four numbers, samples punks with rare labels more often, and keeps the weights of the
# best epoch on the validation split. Most of its examples are no real punks: they combine
# accessories that real punks do not have together, drawn from the layers of the training split. The
# preset `quick` takes less than a minute.

# %%
run = punkmodels.train_classifier(preset="quick", threads=1)
run

# %%
metrics = run.metrics
axes = metrics.plot(x="epoch", y=["train_loss", "val_loss"], logy=True, marker=".", figsize=(7, 3))
axes.set(ylabel="loss", title="The classifier of punkmodels")
metrics.tail(3)

# %% [markdown]
# Now the test split, which has not been used so far. Use it once, at the end: if you choose between
# models by their test scores, the score that you report is too good.

# %%
evaluation = run.evaluate()
evaluation

# %% [markdown]
# ## Every error
#
# With so few errors, look at all of them: each row shows a punk with its true labels, the labels
# that were missed (-), and those that were predicted without being there (+).

# %%
evaluation.pictures["errors.png"]

# %% [markdown]
# ## Labels from hardest to easiest
#
# Rare labels are the hard ones. The average precision (AP) is 1 if all punks with a label get
# higher scores than all punks without it.

# %%
by_label = pd.DataFrame(evaluation.scores["labels"]).set_index("label")
columns = ["punks", "hidden", "average_precision", "recall", "precision"]
by_label.sort_values(["average_precision", "recall"])[columns].head(8).round(3)

# %% [markdown]
# ## What is possible?
#
# Some labels change no pixel: the hat or the hair hides the earring. Nobody can predict them from
# the image. On the *raw* labels, as they are published, the exact match therefore has a ceiling
# below 1. A higher score would be luck, or a leak.

# %%
for name in ("exact_match", "micro_f1"):
    visible, raw = evaluation.scores["visible"][name], evaluation.scores["raw"][name]
    ceiling = evaluation.scores["ceiling_visible_only"][name]
    print(f"{name}: visible labels {visible:.4f}, raw labels {raw:.4f} of at most {ceiling:.4f}")
print(f"{by_label['hidden'].sum()} labels of the {len(test):,} test punks are hidden")

# %% [markdown]
# ## Search for better options
#
# Which learning rate, which batch size, how many filters? `tune_classifier` lets
# [Optuna](https://optuna.org) choose, and stops bad trials early. It compares trials on the
# validation split, and uses the test split only for the best one. Real searches have 20 trials or
# more.

# %%
best = punkmodels.tune_classifier(trials=3, epochs=2, threads=1)
best

# %%
trials = pd.read_csv("runs/tune-mlp/trials.csv")
trials.columns = trials.columns.str.removeprefix("params_")
trials[["number", "value", "state", "batch_size", "peak_lr", "dropout", "hidden"]].round(4)

# %% [markdown]
# ## Where to go next
#
# - `punkmodels.train_classifier(preset="best")` takes a minute or two.
# - `punkmodels.load_classifier(run.path)` loads your classifier, `.predict("punk.png")` uses it.
# - Notebook 5, `05_score_honestly`, explains the scores.
# - In a terminal: `punkmodels train classifier --help`, `punkmodels options classifier` and
#   `punkmodels tune classifier`.
