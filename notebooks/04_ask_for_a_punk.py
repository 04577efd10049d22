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
# # Draw a punk from its labels
#
# The type, the accessories and the skin tone of a punk determine every pixel of it. So a small
# model can draw a punk from its labels, and we can check each pixel of the result. This notebook
# draws punks that nobody has, checks them with a classifier, and looks at what is impossible. It
# takes a minute.

# %%
try:
    import torch

    import punkmodels
except ImportError:
    # In a clone of the repository: %pip install -q -e "..[models]"
    # %pip install -q "punkdata[models]"
    import punkmodels

print("punkmodels", punkmodels.__version__)

# %% [markdown]
# ## Draw
#
# `draw` takes a type and any number of accessories, and returns an image. The model is part of the
# package, so this needs no data.

# %%
import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import punkdata
import punkmodels

punkmodels.draw("Zombie", "3D Glasses")

# %% [markdown]
# These are all the names you can use. Upper and lower case make no difference, and a misspelled
# name is an error that suggests the right one.

# %%
print("Types:", ", ".join(punkdata.TYPES))
print(textwrap.fill("Accessories: " + ", ".join(punkdata.ACCESSORIES), width=100))

# %%
try:
    punkmodels.draw("Zombie", "3D Glases")
except ValueError as error:
    print(error)

# %% [markdown]
# Female and Male punks have one of four skin tones, from dark to light.

# %%
figure, panels = plt.subplots(1, 4, figsize=(8, 2.3))
for skin_tone, axes in enumerate(panels, start=1):
    axes.imshow(punkmodels.draw("Female", "Pigtails", "Big Shades", skin_tone=skin_tone, scale=8))
    axes.set(title=f"skin_tone={skin_tone}")
    axes.axis("off")

# %% [markdown]
# ## Several at once
#
# `load_generator` loads a generator as an object. It generates arrays, or a grid for looking at
# them. Another model samples the traits that you do not choose, so that they go together as those
# of real punks do.

# %%
generator = punkmodels.load_generator()
sprites = generator.generate(16, type="Ape", accessories=["Cap"], seed=1)
print(generator)
print(sprites.shape, sprites.dtype)

# %%
generator.grid(12, type="Male", accessories=["Mohawk", "Shadow Beard"], columns=12)

# %% [markdown]
# With `novel=True`, all punks have combinations of traits that no real punk has, and with
# `only=True`, they have exactly the given traits, as those of `draw`.

# %%
generator.grid(12, type="Zombie", novel=True, columns=12)

# %%
generator.grid(4, type="Male", accessories=["Mohawk"], only=True, columns=4)

# %% [markdown]
# ## Combinations that nobody has
#
# To find out which combinations exist, compare them with the data set. The next cell downloads it
# once.

# %%
real = punkdata.PunkDataset(split="all", download=True)
existing = {frozenset(real.names(labels)) for labels in real.labels}
print(f"{len(real):,} punks have {len(existing):,} different combinations of labels")

# %%
wishes = [
    ("Alien", "Cowboy Hat", "Eye Patch", "Cigarette"),
    ("Alien", "Top Hat", "VR", "Pipe"),
    ("Ape", "Beanie", "Nerd Glasses", "Vape"),
    ("Ape", "Police Cap", "Gold Chain"),
    ("Female", "Tiara", "Clown Nose", "Choker"),
    ("Male", "Peak Spike", "Clown Eyes Blue", "Luxurious Beard"),
    ("Zombie", "Top Hat", "Big Beard", "Pipe"),
    ("Zombie", "Do-rag", "Horned Rim Glasses", "Smile"),
]
for wish in wishes:
    print("exists " if frozenset(wish) in existing else "nobody has", ", ".join(wish))

# %%
figure, panels = plt.subplots(2, 4, figsize=(10, 6))
for wish, axes in zip(wishes, panels.flat, strict=True):
    axes.imshow(punkmodels.draw(*wish, scale=8))
    axes.set_title("\n".join(wish), fontsize=8)
    axes.axis("off")

# %% [markdown]
# ## Check them
#
# Are these pictures what we asked for? The classifier has never seen the combinations that nobody
# has, but it should find exactly the labels of each wish. It predicts only accessories that are
# visible: a hat can cover an earring, for example.

# %%
classifier = punkmodels.load_classifier()
predictions = classifier.predict([punkmodels.draw(*wish) for wish in wishes])
rows = []
for wish, found in zip(wishes, predictions, strict=True):
    probability = min(found.scores[name] for name in wish)
    rows.append((", ".join(wish), set(found.labels) == set(wish), probability))
pd.DataFrame(rows, columns=["wish", "all labels right", "lowest probability of a label"]).round(4)

# %% [markdown]
# ## Neighbors among the real punks
#
# Which real punk looks most like a wish? Count the pixels that differ from each real punk. A
# distance of 0 would mean that the picture is a copy.

# %%
real_sprites = real.data.permute(0, 2, 3, 1).numpy()  # uint8 (10000, 24, 24, 4)
figure, panels = plt.subplots(2, 8, figsize=(12, 3.6))
for wish, (top, bottom) in zip(wishes, panels.T, strict=True):
    sprite = np.array(punkmodels.draw(*wish, scale=1))
    distances = (real_sprites != sprite).any(axis=-1).sum(axis=(1, 2))
    index = distances.argmin()
    top.imshow(sprite, interpolation="nearest")
    top.set_title(wish[0], fontsize=9)
    bottom.imshow(real.image(index), interpolation="nearest")
    bottom.set_title(f"#{real.punk_ids[index]}: {distances[index]} px", fontsize=9)
for axes in panels.flat:
    axes.axis("off")

# %% [markdown]
# ## Impossible combinations
#
# Some combinations cannot exist: lipstick is for Female punks only, and no punk wears two hats. The
# error says what is wrong, and what would be possible.

# %%
for wish in [("Alien", "Hot Lipstick"), ("Male", "Top Hat", "Cap"), ("Female", "Big Beard")]:
    try:
        punkmodels.draw(*wish)
    except ValueError as error:
        print(f"{', '.join(wish)}: {error}")

# %% [markdown]
# With `allow_impossible=True`, the model draws them anyway. It has never seen anything like them,
# so it has to guess which accessory is on top.

# %%
punkmodels.draw("Male", "Top Hat", "Cap", allow_impossible=True)

# %% [markdown]
# ## Save
#
# A PNG file keeps all pixels exactly, and the transparent background. The classifier reads the
# enlarged picture from the file, and finds the same labels again.

# %%
picture = punkmodels.draw("Alien", "Top Hat", "VR", "Pipe", scale=20)
picture.save("alien.png")
print(classifier.predict("alien.png"))

# %% [markdown]
# ## Where to go next
#
# - `punkmodels.train_renderer()` trains such a model in a minute.
# - Notebook 3, `03_dcgan`, generates random punks without any labels.
# - Notebook 5, `05_score_honestly`, measures how good generated punks are.
# - In a terminal: `punkmodels generate --type Zombie --accessory "3D Glasses" --out zombie.png`.
