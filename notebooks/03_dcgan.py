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
# # Generate punks with a GAN
#
# The first part follows the [DCGAN tutorial of
# PyTorch](https://docs.pytorch.org/tutorials/beginner/dcgan_faces_tutorial.html) by Nathan
# Inkawhich and [that of TensorFlow](https://www.tensorflow.org/tutorials/generative/dcgan), with
# punks instead of faces and digits. Then we measure the result, train a VAE-GAN, which is a GAN
# combined with a variational autoencoder, and compare both with one that was trained for longer. It
# takes about four minutes on two cores.

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
# ## The data
#
# Images have 24x24 pixels and four channels: red, green, blue and alpha. As in the tutorials,
# values are scaled to the range from -1 to 1, because the generator ends with tanh.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import nn

import punkdata
import punkmodels

torch.set_num_threads(1)  # Several threads hardly help networks that are so small.
train = punkdata.PunkDataset(split="train", download=True)
train.montage(n=64, columns=16, scale=2)

# %% [markdown]
# ## The plain DCGAN
#
# The generator turns 100 random numbers into an image: transposed convolutions double its size
# three times, from 3x3 to 24x24. The discriminator does the reverse, and ends with one number, the
# logit of "real".


# %%
def up(before, after, *kernel):
    convolution = nn.ConvTranspose2d(before, after, *kernel, bias=False)
    return [convolution, nn.BatchNorm2d(after), nn.ReLU()]


def down(before, after):
    convolution = nn.Conv2d(before, after, 4, 2, 1, bias=False)
    return [convolution, nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]


# Arguments of the convolutions: kernel size, stride, padding.
generator = nn.Sequential(
    *up(100, 96, 3, 1, 0),  # 3x3
    *up(96, 48, 4, 2, 1),  # 6x6
    *up(48, 24, 4, 2, 1),  # 12x12
    *[nn.ConvTranspose2d(24, 4, 4, 2, 1), nn.Tanh()],  # 24x24
)
discriminator = nn.Sequential(
    *[nn.Conv2d(4, 24, 4, 2, 1), nn.LeakyReLU(0.2)],
    *down(24, 48),
    *down(48, 96),
    *[nn.Conv2d(96, 1, 3, 1, 0), nn.Flatten(0)],
)

# %% [markdown]
# The tutorial of PyTorch draws all weights from a normal distribution, and uses Adam with a
# learning rate of 0.0002 and a beta of 0.5.


# %%
def initialize(module):
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1, 0.02)


generator.apply(initialize)
discriminator.apply(initialize)
generator_optimizer = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
discriminator_optimizer = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
fixed_noise = torch.randn(64, 100, 1, 1)

# %% [markdown]
# This function turns the output of the generator into images of 0 to 255. `punkdata.make_grid` then
# puts them into a grid on the background color of the collection.


# %%
def sample(noise):
    """Return generated images, uint8 (N, 24, 24, 4), for noise (N, 100, 1, 1)."""
    with torch.inference_mode():
        images = generator(noise).permute(0, 2, 3, 1)
    return ((images + 1) * 127.5).round().byte().numpy()


# %% [markdown]
# The loop is that of the tutorials. The discriminator learns to tell real images from generated
# ones, and the generator learns to be mistaken for real. Five epochs take about a minute. The
# two losses say little about the quality of the images, so look at the images, too.

# %%
loss_function = nn.BCEWithLogitsLoss()
samples = []
for epoch in range(5):
    for images, _ in train.batches(64):
        real, fake = images * 2 - 1, generator(torch.randn(len(images), 100, 1, 1))
        # Train the discriminator: real images are 1, generated ones are 0.
        real_logits, fake_logits = discriminator(real), discriminator(fake.detach())
        d_loss = loss_function(real_logits, torch.ones(len(images)))
        d_loss = d_loss + loss_function(fake_logits, torch.zeros(len(images)))
        discriminator_optimizer.zero_grad()
        d_loss.backward()
        discriminator_optimizer.step()
        # Train the generator: its images should be 1.
        g_loss = loss_function(discriminator(fake), torch.ones(len(images)))
        generator_optimizer.zero_grad()
        g_loss.backward()
        generator_optimizer.step()
    samples.append(sample(fixed_noise[:16]))
    print(f"epoch {epoch + 1}: discriminator {d_loss.item():.2f}, generator {g_loss.item():.2f}")

# %% [markdown]
# Each row shows the same sixteen random vectors after one more epoch. Shapes come first, then
# colors.

# %%
punkdata.make_grid(np.concatenate(samples), columns=16, scale=2)

# %% [markdown]
# ## Measure it
#
# `evaluate_images` compares any generated punks with the real ones of the validation and test
# splits. The scores are means over subsets of 2,000 images, so generate at least that many.

# %%
plain = sample(torch.randn(2000, 100, 1, 1))
plain_scores = punkmodels.evaluate_images(plain)
plain_scores

# %% [markdown]
# - *Precision* is the share of generated images that lie among the real ones, and *recall* the
#   share of real ones that lie among the generated ones. Low recall means that the generator misses
#   kinds of punks.
# - The *Fréchet distance* measures both; 0 would be perfect. It is not the usual FID, because it is
#   computed in the features of a small network that knows punks.
# - *Palette validity* is the share of pixels with a color of the collection. A color that is
#   almost right counts as wrong.

# %% [markdown]
# ## A VAE-GAN
#
# The recipe `vae-gan` departs from the tutorials where punks need it. Its generator *chooses* one
# of the colors that real punks have at each position, instead of mixing any color. For the first
# 70% of the training, there is no discriminator: the generator learns to reconstruct real punks
# from a code, as a variational autoencoder does. That covers what is rare, while a discriminator
# only punishes what looks wrong. This is no longer a DCGAN but a VAE-GAN ([Larsen et al.
# 2016](https://arxiv.org/abs/1512.09300)). Here it sees 15,000 images, far fewer than the 100,000
# of the preset `quick`.

# %%
run = punkmodels.train_dcgan(recipe="vae-gan", total_images=15_000, threads=1)
run

# %%
short = run.load()
punkdata.make_grid(short.generate(64, seed=0), columns=16, scale=2)

# %% [markdown]
# ## The bundled one
#
# The package contains a GAN of the same kind, with more filters, that was trained with the preset
# `best`, on 540,000 images.

# %%
bundled = punkmodels.load_generator("bundled-vae-gan")
punkdata.make_grid(bundled.generate(64, seed=0), columns=16, scale=2)

# %% [markdown]
# ## The three side by side
#
# The last column shows real punks, as a reference: no generator can be expected to have better
# scores than they have. Compare each row.

# %%
evaluations = {
    "plain DCGAN": plain_scores,
    "VAE-GAN, 15,000 images": punkmodels.evaluate_images(short.generate(2000, seed=0)),
    "bundled": punkmodels.evaluate_images(bundled.generate(2000, seed=0)),
}
table = pd.DataFrame({name: e.scores["generated"] for name, e in evaluations.items()})
table["real punks"] = pd.Series(plain_scores.scores["train_reference"])
table.loc[["frechet_distance", "precision", "recall", "palette_validity"]].round(3)

# %%
real = train.data[:64].permute(0, 2, 3, 1).numpy()
pictures = [plain[:64], short.generate(64), bundled.generate(64), real]
figure, panels = plt.subplots(1, 4, figsize=(12, 3.4), layout="tight")
for axes, name, images in zip(panels, table.columns, pictures, strict=True):
    axes.imshow(punkdata.make_grid(images), interpolation="nearest")
    axes.set_title(name, fontsize=10)
    axes.axis("off")

# %% [markdown]
# ## Did it memorize the training images?
#
# A generator that copies the training images has excellent scores. So look at the nearest training
# image below each generated one, and count exact copies. The labels determine all pixels, so a good
# generator reproduces some real punks; but without memorizing, it meets only four times as many of
# the 8,000 training punks as of the 2,000 held-out ones.

# %%
scores = evaluations["bundled"].scores["generated"]
print(f"copies of training punks:  {scores['train_copy_rate']:.3f}")
print(f"copies of held-out punks:  {scores['held_out_copy_rate']:.3f}")
evaluations["bundled"].pictures["nearest_neighbors.png"]

# %% [markdown]
# ## Where to go next
#
# - `punkmodels.train_dcgan(recipe="vae-gan")` trains on 100,000 images, in about five minutes.
# - `punkmodels.train_dcgan(recipe="adversarial")` is a GAN alone, without an encoder, and
#   `recipe="dcgan"` the DCGAN of the tutorials, with the same logs and scores.
# - `train_dcgan(image_dir="digits")` trains on a folder with other small images.
# - Notebook 4, `04_ask_for_a_punk`, chooses what to draw; notebook 5 explains the scores.
