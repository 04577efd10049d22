"""What the model cards say about each kind of model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Config = Mapping[str, Any]
"""The content of a config.json."""


class Metric(NamedTuple):
    """A score: where it is in the section `scores`, its name, and its identifier on the Hub."""

    path: str
    name: str
    id: str


class Kind(NamedTuple):
    """What the cards of one kind of model say.

    Texts may contain fields of config.json; `summary` may also contain `recipe`, see `RECIPES`.
    """

    title: str
    summary: str
    usage: str
    metrics: tuple[Metric, ...]
    scores_note: str
    limits: str
    pipeline_tag: str | None
    tags: tuple[str, ...]


_LOAD_CLASSIFIER = """\
classifier = punkmodels.load_classifier("path/to/this/folder")  # or "owner/name" on the Hub
prediction = classifier.predict("punk.png")
print(prediction.type, prediction.accessories)"""
_LOAD_GENERATOR = """\
generator = punkmodels.load_generator("path/to/this/folder")  # or "owner/name" on the Hub
"""
_CLASSIFIER_METRICS = (
    Metric("visible.exact_match", "exact match", "exact_match"),
    Metric("visible.macro_average_precision", "macro average precision", "average_precision"),
    Metric("visible.micro_f1", "micro-F1", "f1"),
    Metric("type_accuracy", "type accuracy", "accuracy"),
    Metric("raw.exact_match", "exact match on raw labels", "exact_match_raw"),
    Metric(
        "suites.new_sets.exact_match", "exact match, composed: new label sets", "exact_match_new"
    ),
    Metric(
        "suites.unmet_pairs.exact_match",
        "exact match, composed: pairs of accessories absent from training",
        "exact_match_unmet_pairs",
    ),
    Metric(
        "suites.many_accessories.exact_match",
        "exact match, composed: six or seven accessories",
        "exact_match_many_accessories",
    ),
    Metric(
        "suites.foreign_types.exact_match",
        "exact match, composed: accessories that no punk of the type has",
        "exact_match_foreign_types",
    ),
)
_CLASSIFIER_NOTE = (
    "Measured on the {scores[punks]:,} punks of the {scores[split]} split, on which the model was "
    "not trained. Exact match is the share of punks for which every label is predicted correctly. "
    "Labels are visible labels, those that at least one pixel shows; raw labels are those as "
    "published, where a model that predicts exactly the visible labels reaches an exact match of "
    "{scores[ceiling_visible_only][exact_match]:.4f}."
)
_CLASSIFIER_LIMITS = (
    "The model knows nothing but CryptoPunks. It has learned which colors occur at which position, "
    "so it is not suited for photos, for other collections, or for punks that are shifted or "
    "mirrored. Labels that no pixel shows, for example an earring under long hair, cannot be "
    "predicted from the image."
)
CLASSIFIER = Kind(
    "CryptoPunks classifier",
    "Predicts the type and the accessories of a CryptoPunk, 92 labels, from its 24x24 RGBA sprite.",
    _LOAD_CLASSIFIER,
    _CLASSIFIER_METRICS,
    _CLASSIFIER_NOTE,
    _CLASSIFIER_LIMITS,
    "image-classification",
    ("multi-label",),
)
TYPE_CLASSIFIER = CLASSIFIER._replace(
    title="CryptoPunks type classifier",
    summary="Predicts the type of a CryptoPunk (Alien, Ape, Female, Male or Zombie) from its 24x24 "
    "RGBA sprite.",
    tags=(),
)
FEATURES = CLASSIFIER._replace(
    title="Feature extractor for CryptoPunks",
    summary="Maps the 24x24 RGBA sprite of a CryptoPunk to {options[hidden]} features, the hidden "
    "units of a small classifier. punkmodels computes the Fréchet distance, precision and recall "
    "of generated punks in the features of the bundled extractor, so these scores can be compared "
    "with each other and with nothing else.",
    pipeline_tag="image-feature-extraction",
)
RECIPES = {
    "vae-gan": "a VAE-GAN, a GAN combined with a variational autoencoder (Larsen et al. 2016)",
    "adversarial": "a GAN with a relativistic loss and gradient penalties, as in R3GAN (Huang et "
    "al. 2024)",
    "dcgan": "a DCGAN (Radford et al. 2015)",
    "mlp": "a GAN of fully connected networks (Goodfellow et al. 2014)",
}
"""What each recipe of a GAN is called in the literature."""
GAN = Kind(
    "CryptoPunks generator",
    "Generates new CryptoPunks, 24x24 RGBA sprites, from random noise. It is the generator of "
    "{recipe}.",
    _LOAD_GENERATOR + "sprites = generator.generate(64, seed=0)  # uint8 RGBA (64, 24, 24, 4)\n"
    'generator.grid(64, seed=0).save("grid.png")',
    (
        Metric("generated.frechet_distance", "Fréchet distance", "frechet_distance"),
        Metric(
            "generated.frechet_distance_pixels",
            "Fréchet distance, pixels",
            "frechet_distance_pixels",
        ),
        Metric("generated.precision", "precision", "precision"),
        Metric("generated.recall", "recall", "recall"),
        Metric("generated.coverage", "coverage", "coverage"),
        Metric("generated.legal_rate", "legal punks", "legal_rate"),
        Metric("generated.train_copy_rate", "train copy rate", "train_copy_rate"),
        Metric("generated.held_out_copy_rate", "held-out copy rate", "held_out_copy_rate"),
    ),
    "Measured on {scores[num_samples]:,} generated sprites, compared with the 2,000 punks of the "
    "validation and test splits. The Fréchet distance is not an FID: it is computed in the "
    "features of a small classifier that is part of punkmodels, and the second one in random "
    "projections of the pixels. Precision is the share of "
    "generated sprites that lie among the real ones, recall the share of real punks that lie among "
    "the generated ones. Legal punks are sprites that equal what some labels and a skin tone draw. "
    "The train copy rate is the share of generated sprites that equal a punk "
    "of the training split. Type, skin tone and accessories determine every pixel, so a generator "
    "that does not memorize makes copies, too, but only four times as many of training punks as of "
    "held-out ones.",
    "Some sprites mix two hats or two pairs of glasses, or have detached pixels. Some equal a real "
    "punk, see the train copy rate.",
    "unconditional-image-generation",
    ("gan",),
)
TYPE_GAN = GAN._replace(
    summary="Generates new CryptoPunks of a chosen type, 24x24 RGBA sprites, from random noise. It "
    "is the generator of {recipe}.",
    usage=_LOAD_GENERATOR + 'sprites = generator.generate(64, type="Ape", seed=0)  # uint8 RGBA '
    "(64, 24, 24, 4)",
    pipeline_tag=None,
    tags=("gan", "class-conditional"),
)
OTHER_GAN = GAN._replace(
    title="Generator of small images",
    summary="Generates images of {data[image_shape][1]}x{data[image_shape][2]} pixels from random "
    "noise. It is the generator of {recipe}, trained with punkmodels on images other than "
    "CryptoPunks.",
    usage=_LOAD_GENERATOR + "images = generator.generate(64, seed=0)",
    metrics=tuple(m for m in GAN.metrics if "copy" not in m.path),
    scores_note="Measured on {scores[num_samples]:,} generated images, compared with training "
    "images, because there are no others. Distances are computed between principal components of "
    "the pixels: the Fréchet distance is not an FID.",
    limits="The images resemble those of the training, and nothing else.",
)
RENDERER = Kind(
    "CryptoPunks renderer",
    "Draws a CryptoPunk, a 24x24 RGBA sprite, from its labels: type, accessories and skin tone. An "
    "additive model chooses the color of each pixel among those that occur there in training.",
    _LOAD_GENERATOR + 'sprites = generator.generate(type="Zombie", accessories=["3D Glasses"])',
    (
        Metric("unseen.pixel_exact_match", "pixel-exact match", "pixel_exact_match"),
        Metric("unseen.label_exact_match", "label exact match", "label_exact_match"),
        Metric("unseen.wrong_pixels_mean", "wrong pixels, mean", "wrong_pixels_mean"),
    ),
    "Measured on the {scores[unseen][num_samples]:,} punks of the validation and test splits whose "
    "combination of labels no training punk has. Pixel-exact match is the share of sprites that "
    "equal the real punk in every pixel; label exact match is the share for which the bundled "
    "classifier predicts all visible labels.",
    "Errors are mostly one or two pixels, in colors that no training punk has there. The renderer "
    "draws the sprite of a real punk if it is given the labels of one.",
    None,
    ("label-to-image",),
)


LABEL_SETS = Kind(
    "CryptoPunks label sets",
    "Samples which traits a CryptoPunk has: its type, its skin tone and its accessories. With the "
    "renderer that is part of punkmodels, it generates CryptoPunks, 24x24 RGBA sprites. It is a "
    "masked autoregressive network (MADE) over 11 categorical variables; any traits can be fixed.",
    _LOAD_GENERATOR + 'sprites = generator.generate(64, type="Zombie", novel=True, seed=0)',
    (
        Metric("label_sets.test.nats", "nats per label set, test", "nll"),
        Metric("label_sets.test.bits", "bits per punk, test", "bits_per_image"),
        Metric("label_sets.train.nats", "nats per label set, train", "nll_train"),
        Metric("label_sets.train.copy_rate", "copy rate, train", "copy_rate"),
        *(metric for metric in GAN.metrics if "copy" not in metric.path),
    ),
    "Nats and bits are the negative log-likelihood of the type, accessories and skin tone of real "
    "punks. The copy rate is the share of {scores[num_samples]:,} samples that equal a punk of the "
    "training split. The other scores compare the drawn samples with the 2,000 punks of the "
    "validation and test splits, in the features of a small classifier that is part of punkmodels: "
    "the Fréchet distance is not an FID.",
    "The model samples only traits that a punk can have together. About a third of its samples "
    "equal a real punk; the option novel=True refuses them.",
    "unconditional-image-generation",
    ("autoregressive",),
)


def find_kind(config: Config) -> Kind:
    """Return which kind of model a config.json describes."""
    options = config["options"]
    if config["task"] == "classifier":
        if options.get("model") == "features":
            return FEATURES
        return TYPE_CLASSIFIER if options.get("task") == "type" else CLASSIFIER
    if config["task"] == "label-sets":
        return LABEL_SETS
    if config["task"] == "renderer":
        return RENDERER
    if options.get("image_dir"):
        return OTHER_GAN
    return TYPE_GAN if options.get("conditional") == "type" else GAN
