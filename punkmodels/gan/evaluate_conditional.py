"""Score a conditional generator by what it was asked for.

evaluation/conditional/metrics.json
evaluation/conditional/metrics.md   the same as tables
evaluation/conditional/conditional_samples.png
                            one row a sample: the condition, the generated sprite, the exact punk
                            and where they differ; the worst ones, and some from the middle
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

from punkdata.analysis.layer_recovery import recover_layers
from punkdata.analysis.layers import SKIN_PIXEL, UNKNOWN_COLOR, Layers
from punkdata.errors import DataError
from punkdata.files import translate_os_errors, write_atomic
from punkdata.images.palette import PALETTE
from punkdata.images.sprite import BACKGROUND_COLOR
from punkdata.traits import LABELS, TYPES, decode_labels
from punkmodels.classifier.config import BUNDLED_CLASSIFIER, load_classifier
from punkmodels.classifier.evaluate import predict_logits
from punkmodels.classifier.networks import logits_to_labels
from punkmodels.data.image_grid import make_grid
from punkmodels.data.skin_tones import SKIN_TONE_COLORS, detect_skin_tones
from punkmodels.data.splits import SplitTensors, load_split
from punkmodels.gan.config import load_generator, read_dcgan_config
from punkmodels.gan.generate import generate_sprites
from punkmodels.gan.label_conditions import conditions_from_split
from punkmodels.gan.metrics.conditional import (
    ConditionalScores,
    PixelRules,
    conditional_scores,
    per_label_accuracy,
)
from punkmodels.training.run_dir import write_json

DRAWS = 2000
SHOWN = 12
_TEXT_PX = 140
NAMES = {
    "draws": "draws",
    "label_sets": "different sets of labels",
    "label_exact_match": "all visible labels right, by the classifier",
    "label_exact_match_by_rules": "the same by pixel rules",
    "exact": "the very punk",
    "wrong_pixels_median": "pixels beside it, median",
    "wrong_pixels_mean": "the same, mean",
}


@dataclass(frozen=True)
class ConditionalEvaluation:
    version: str
    skin_tone: bool
    """whether the tone was asked for, too"""
    labels_by_pixels: int
    """of 92, those that pixel rules tell"""
    unseen: ConditionalScores
    """of label sets that no training punk has"""
    seen: ConditionalScores
    labels: list[tuple[str, int, float]]
    """label, draws that were to have it, share of these that have; of unseen sets, the worst
    first"""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def evaluate_conditional(
    run: Path,
    root: Path,
    *,
    version: str = "latest",
    device: torch.device | None = None,
    draws: int = DRAWS,
    out: Path | None = None,
    progress: Callable[..., None] = lambda done, total: None,
) -> ConditionalEvaluation:
    """Ask for what the held-out punks have, and compare with these.

    Args:
        run: of a generator of the condition `labels`, or its exported weights.
        root, version: the snapshot with the real punks.
        draws: of unseen sets, and as many of seen ones.
        out: the folder to write to; by default nothing is written.

    Raises:
        UsageError, DataError: there is no such run or snapshot, or it is damaged.
    """
    device = device or torch.device("cpu")
    config = read_dcgan_config(run).options
    model = load_generator(run, device)
    progress(0, 6)
    everyone, train, val, test = (
        load_split(root, version, "default", part) for part in ("all", "train", "val", "test")
    )
    held_out = torch.cat([val.labels, test.labels]).bool()
    visible = torch.cat([val.visible, test.visible]).bool()
    images = torch.cat([val.images, test.images])
    rules = PixelRules(everyone.images, everyone.visible.bool())
    progress(1, 6)
    exact = images[:, None]
    if not config.skin_tone:
        exact = _of_all_tones(everyone, images, held_out)
    progress(2, 6)
    known = {row.tobytes() for row in train.labels.bool().numpy()}
    is_seen = torch.tensor([row.tobytes() in known for row in held_out.numpy()])
    condition = torch.cat([conditions_from_split(config, part, len(part)) for part in (val, test)])
    classifier = load_classifier(BUNDLED_CLASSIFIER, device)
    found, judged = [], []
    for is_kind in (~is_seen, is_seen):
        rows = is_kind.nonzero()[:, 0]
        if not len(rows):
            raise DataError(f"{train.path} has too few punks to tell seen from unseen label sets")
        rows = rows[torch.arange(draws) % len(rows)]
        drawn, _ = generate_sprites(model, draws, 0, condition=condition[rows], keep_raw=False)
        off = (drawn[:, None] != exact[rows]).flatten(2).sum(dim=2).amin(dim=1)
        by_net = logits_to_labels(predict_logits(classifier, drawn, device)).bool()
        judged.append((rows, drawn, off, by_net))
        found.append(conditional_scores(visible[rows], by_net, rules, drawn, off))
        progress(3 + len(found), 6)
    rows, drawn, off, by_net = judged[0]
    result = ConditionalEvaluation(
        version=train.version,
        skin_tone=config.skin_tone,
        labels_by_pixels=int(rules.told.sum()),
        unseen=found[0],
        seen=found[1],
        labels=per_label_accuracy(visible[rows], by_net),
    )
    if out:
        order = torch.argsort(off[: int((~is_seen).sum())], descending=True, stable=True)
        middle = len(order) // 2
        some = torch.cat([order[:SHOWN], order[middle : middle + SHOWN]])
        picture = render_conditional_samples(
            held_out[rows[some]],
            detect_skin_tones(images)[rows[some]],
            drawn[some],
            images[rows[some]],
        )
        with translate_os_errors(out):
            out.mkdir(parents=True, exist_ok=True)
            write_json(out / "metrics.json", result.to_json())
            write_atomic(out / "metrics.md", markdown(result).encode())
            picture.save(out / "conditional_samples.png")
    progress(6, 6)
    return result


def types_right(
    run: Path,
    root: Path,
    *,
    version: str = "latest",
    device: torch.device | None = None,
    progress: Callable[..., None] = lambda done, total: None,
) -> float:
    """Share of draws that are of the type asked for, as the bundled classifier sees them; asked for
    the types of held-out punks. For a generator that knows no more. Raises as `evaluate_asked`.
    """
    device = device or torch.device("cpu")
    test = load_split(root, version, "default", "test")
    condition = conditions_from_split(read_dcgan_config(run).options, test, DRAWS)
    model = load_generator(run, device)
    drawn, _ = generate_sprites(model, DRAWS, 0, progress, condition=condition, keep_raw=False)
    by_net = logits_to_labels(predict_logits(load_classifier(BUNDLED_CLASSIFIER, device), drawn, device))
    kinds = len(TYPES)
    right = by_net[:, :kinds].int().argmax(dim=1) == condition[:, :kinds].argmax(dim=1)
    return float(right.double().mean())


def _of_all_tones(
    everyone: SplitTensors, images: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """uint8 (N, 4, 24, 24): punks in every tone, drawn from the layers; where there is no such
    punk, as of zombies, as they are.
    """
    flat = everyone.images.flatten(1).numpy().astype(np.int16)
    layers = recover_layers(flat, everyone.labels.bool().numpy())
    shape = images.shape[1:]
    skins = [PALETTE.tolist().index([*rgb, 255]) for rgb in SKIN_TONE_COLORS]
    known = {base for body in layers.bases for base in body}
    rows = []
    for image, row in zip(images, labels.numpy(), strict=True):
        kind = int(row[: len(TYPES)].argmax())
        worn = np.flatnonzero(row[len(TYPES) :]).tolist()
        own = int(image.flatten()[SKIN_PIXEL])
        tones = [
            image
            if skin == own or (kind, skin) not in known
            else torch.from_numpy(_rendered(layers, kind, skin, worn)).view(shape)
            for skin in skins
        ]
        rows.append(torch.stack(tones))
    return torch.stack(rows)


def _rendered(layers: Layers, kind: int, skin: int, worn: list[int]) -> np.ndarray[Any, Any]:
    colors = layers.render(kind, skin, worn)
    colors[colors == UNKNOWN_COLOR] = 255  # like no color of the palette
    return colors.astype(np.uint8)


def rows(result: ConditionalEvaluation) -> list[tuple[str, str, str]]:
    """A table of text: a row a score, for unseen and for seen label sets."""
    table = [("score", "unseen", "seen")]
    for key, name in NAMES.items():
        cells = [getattr(scores, key) for scores in (result.unseen, result.seen)]
        unseen, seen = (f"{n:,}" if isinstance(n, int) else f"{n:.4f}" for n in cells)
        table.append((name, unseen, seen))
    return table


def markdown(result: ConditionalEvaluation) -> str:
    """The same for a page, and how well each label is drawn."""
    head, *body = rows(result)
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *body)]
    skin_tone = (
        "The tone was asked for, too"
        if result.skin_tone
        else "Of the four tones the nearest counts"
    )
    lines += [
        "",
        f"Asked for what held-out punks have, in sets of labels that no training punk has, and in "
        f"others. {skin_tone}. Pixel rules tell {result.labels_by_pixels} of {len(LABELS)} labels. "
        f"Snapshot {result.version}.",
        "",
        "| label | draws | drawn rightly |",
        "| --- | --- | --- |",
        *(f"| {label} | {n:,} | {share:.4f} |" for label, n, share in result.labels),
        "",
    ]
    return "\n".join(lines)


def render_conditional_samples(
    labels: torch.Tensor, tones: torch.Tensor, drawn: torch.Tensor, exact: torch.Tensor
) -> Image.Image:
    """A row a wish: its words, what was drawn, the punk that has just that, and in red where they
    differ.

    Args:
        labels: bool (N, 92).
        tones: (N,), 0 for none.
        drawn, exact: palette indices uint8 (N, 24, 24).
    """
    red = int(np.abs(PALETTE.astype(int) - (255, 0, 0, 255)).sum(axis=1).argmin())
    off = torch.where(drawn != exact, red, 0).to(torch.uint8)
    tiles = make_grid(torch.stack([drawn, exact, off], dim=1).flatten(0, 1), columns=3)
    sheet = Image.new("RGBA", (_TEXT_PX + tiles.width, tiles.height), BACKGROUND_COLOR)
    sheet.paste(tiles, (_TEXT_PX, 0))
    draw, side = ImageDraw.Draw(sheet), tiles.height // len(labels)
    for i, row in enumerate(labels.numpy()):
        punk_type, worn = decode_labels(row)
        skin_tone = f", tone {int(tones[i])}" if tones[i] else ""
        text = "\n".join([punk_type + skin_tone, *worn, f"{int((off[i] > 0).sum())} pixels off"])
        draw.multiline_text((8, i * side + 4), text, fill="white", spacing=1, font_size=9)
    return sheet.convert("RGB")
