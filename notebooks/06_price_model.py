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
# # Predict prices, honestly
#
# What is a punk worth? One number says little if you do not know how far off it may be. This
# notebook predicts *intervals*: 90% of the sales should have a price inside. It checks that they
# do, and compares their width with that of simpler predictions. It takes less than a minute.

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

import punkdata

punks = punkdata.PunkDataset(split="all", download=True)
snapshot = punkdata.open_snapshot(punks.path)
frame = punks.to_pandas()

# %% [markdown]
# ## Fit the model
#
# `fit_price_model` fits a model to the sales of the snapshot. If there are too few, the error says
# how many are needed, and which commands get them. Then the cells below use *invented* sales, so
# that you can see how the model works. For the real ones, run those commands in a terminal, and
# restart the notebook.

# %%
try:
    model, kind = punkdata.fit_price_model(snapshot), "sales on OpenSea"
except punkdata.PunkError as error:
    model, kind = None, "invented sales"
    print(error)

# %% [markdown]
# An invented price is the product of a market that moves, a factor for each accessory, 5 for
# Zombies, and chance. You can pass your own table of sales in the same way.

# %%
if model is None:
    random, count = np.random.default_rng(0), 4000
    sold = frame.iloc[random.integers(0, len(frame), count)]
    level = np.cumsum(random.normal(0, 0.02, count))
    worth = dict(zip(punkdata.ACCESSORIES, random.lognormal(0, 0.4, 87), strict=True))
    factor = sold["accessories"].map(lambda names: np.prod([worth[name] for name in names]))
    factor *= np.where(sold["type"] == "Zombie", 5, 1)
    sold_at = pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(6 * np.arange(count), "h")
    price = factor.to_numpy() * np.exp(level + random.normal(0, 0.3, count))
    sales = pd.DataFrame({"punk_id": sold.index, "sold_at": sold_at, "price_eth": price})
    model = punkdata.fit_price_model(snapshot, sales=sales)
model

# %% [markdown]
# ## Predict
#
# These are the intervals of one punk of each type, right after the last sale. If a type has too few
# sales, there is a reason in place of an interval: often for Aliens, of which there are only nine.

# %%
model.predict(frame.groupby("type").head(1).index).round(3)

# %% [markdown]
# With `at`, the model uses only the sales before that moment. So you can ask what it would have
# said before a sale. It was asked that before each of the last fifth of the sales, and `test_sales`
# has the answers:

# %%
test = model.test_sales
test.tail()

# %%
shown = test.dropna().tail(80).reset_index(drop=True)
is_inside = shown["price_eth"].between(shown["low_eth"], shown["high_eth"])
figure, axes = plt.subplots(figsize=(10, 3.8))
axes.vlines(shown.index, shown["low_eth"], shown["high_eth"], color="lightgray", linewidth=4)
axes.plot(shown.index[is_inside], shown["price_eth"][is_inside], "k.", label="paid")
axes.plot(shown.index[~is_inside], shown["price_eth"][~is_inside], "rx", label="paid, outside")
axes.set(yscale="log", xlabel="one sale after the other", ylabel="price in ETH")
axes.set_title(f"The last {len(shown)} {kind}, and the interval predicted before each")
axes.legend()
plt.show()

# %% [markdown]
# ## Is that honest?
#
# An interval is honest if it contains the price as often as it promises, here 9 times in 10. That
# alone is easy: an interval from 0 to a million always does. So look at the *width*, too, which is
# the highest price divided by the lowest. The table compares the model with three predictions that
# anybody can make. All get their intervals in the same way, from the errors of their last 250
# predictions, so all are about equally honest, and the narrowest wins.
#
# Not every method can predict every sale: many punks have no earlier sale. `model_width` is the
# width of the model's intervals on the same sales. `median_error` is a factor: half of the
# predictions are closer to the price than that.

# %%
model.evaluation.round(3)

# %%
table = model.evaluation.set_index("method")[::-1]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 2.6), sharey=True, layout="tight")
table["width"].plot.barh(ax=left, color="steelblue", ylabel="", title="median width of an interval")
left.bar_label(left.containers[0], fmt="%.1f", padding=3)
left.margins(x=0.15)
table["coverage"].plot.barh(ax=right, color="lightgray", ylabel="", title="coverage")
right.axvline(model.coverage, color="black", linestyle="--")
right.bar_label(right.containers[0], fmt="%.3f", label_type="center")
right.set_xlim(0, 1)
plt.show()

# %% [markdown]
# The coverage above is an average, and a moving market can hide much behind an average. This is the
# coverage of each 100 sales in a row. It scatters around the promise, but should not stay away
# from it.

# %%
known = test.dropna()
is_inside = known["price_eth"].between(known["low_eth"], known["high_eth"])
coverage = is_inside.rolling(100, min_periods=40).mean()
figure, axes = plt.subplots(figsize=(10, 2.6))
axes.plot(known["sold_at"], coverage)
axes.axhline(model.coverage, color="black", linestyle="--")
axes.set(ylim=(0.5, 1), title=f"Coverage of the last 100 of the {kind}")
plt.show()

# %% [markdown]
# ## What makes a punk expensive?
#
# `factors` says by how much an accessory multiplies the price, all else being equal. Accessories
# with few sales are pulled toward 1.

# %%
factors = model.factors
extremes = pd.concat([factors.head(8), factors.tail(4)]).drop_duplicates()[::-1]
labels = [f"{row.accessory} ({row.sales} sales)" for row in extremes.itertuples()]
figure, axes = plt.subplots(figsize=(8, 3.6))
axes.barh(labels, extremes["factor"] - 1, left=1, color="steelblue")
axes.axvline(1, color="black", linewidth=0.8)
axes.set(title=f"Price factor of an accessory, from {kind}")
plt.show()

# %% [markdown]
# ## How it works, and what it cannot do
#
# A ridge regression predicts the logarithm of the price, relative to the median of the last 30
# sales, and a second one predicts the size of the error. Both are fitted again after every 25
# sales. *Conformal calibration* then makes the interval as wide as the last 250 errors require. The
# docstring, `help(punkdata.fit_price_model)`, says more.
#
# - An interval of 90% is wrong once in ten times, and more often while a market changes faster than
#   250 sales.
# - The promise holds for all sales together, not for each type or accessory.
# - The model learns from punks that were sold. Punks that their owners keep may be worth more.
# - It knows traits, but neither bids and listings nor the buyer. It is no advice.
#
# The width that a coverage costs depends on it: try `fit_price_model(snapshot, coverage=0.5)`.
