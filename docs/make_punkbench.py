"""Makes what docs/punkbench.md shows: python docs/make_punkbench.py [data]

The tables come from the published baselines. The pictures show drawn punks that do not exist, to
which the functions of the benchmark are applied; for the root of a snapshot, the script checks that
none of them equals a real punk.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import punkmodels
from punkdata import PunkDataset
from punkdata.images.palette import PALETTE, palette_indices
from punkmodels.bench.corruptions import CORRUPTIONS, corrupt, flatten
from punkmodels.bench.open_set import mix_pixels, recolor_pixel
from punkmodels.bench.results import format_score, load_baselines, sort_baselines
from punkmodels.bench.tracks import TRACKS, Track

DOCS = Path(__file__).parent
PAGE = DOCS / "punkbench.md"
IMAGES = DOCS / "images" / "punkbench"
START, END = "<!-- begin tables -->", "<!-- end tables -->"
SCALE = 2
Sprites = NDArray[np.uint8]


def draw(*punks: tuple[str, ...]) -> Sprites:
    """Return drawn punks, uint8 (N, 24, 24, 4); each is its type and accessories."""
    sprites = []
    for number, (punk_type, *accessories) in enumerate(punks):
        tone = number % 4 + 1 if punk_type in ("Male", "Female") else None
        drawn = punkmodels.draw(punk_type, *accessories, scale=1, skin_tone=tone)
        sprites.append(np.asarray(drawn))
    return np.stack(sprites)


def make_pictures() -> dict[str, Sprites]:
    """Return six pictures for each kind of track, RGBA or RGB, uint8 (6, 24, 24, C)."""
    faces = draw(
        ("Male", "Bandana", "Nerd Glasses", "Vape"),
        ("Female", "Tiara", "3D Glasses", "Pipe"),
        ("Zombie", "Beanie", "Horned Rim Glasses", "Vape"),
        ("Male", "Top Hat", "VR", "Luxurious Beard"),
        ("Female", "Pilot Helmet", "Mole", "Cigarette"),
        ("Ape", "Cowboy Hat", "Eye Patch", "Gold Chain"),
    )
    return {
        # Two pairs of the list: each accessory is trained on, but not the two together.
        "compositional": draw(
            ("Male", "Cap", "Nerd Glasses", "Goat", "Smile"),
            ("Male", "Bandana", "3D Glasses", "Goat", "Smile"),
            ("Male", "Cap", "3D Glasses", "Goat", "Smile"),
            ("Male", "Bandana", "VR", "Mole", "Earring"),
            ("Male", "Fedora", "Medical Mask", "Mole", "Earring"),
            ("Male", "Bandana", "Medical Mask", "Mole", "Earring"),
        ),
        "few": draw(
            *(
                ("Female", hair, "Rosy Cheeks", "Choker")
                for hair in ("Cap", "Tiara", "Pigtails", "Bandana", "Wild Hair", "Red Mohawk")
            )
        ),
        "long-tail": draw(
            ("Alien", "Beanie", "Pipe"),
            ("Ape", "Beanie", "Eye Mask"),
            ("Female", "Pilot Helmet", "Choker"),
            ("Female", "Tiara", "Choker", "Vape"),
            ("Female", "Orange Side", "Welding Goggles", "Choker", "Vape"),
            ("Zombie", "Beanie", "Vape", "Eye Patch"),
        ),
        "corruptions": np.concatenate(
            [corrupt(faces[[i]], kind, 3, seed=0) for i, kind in enumerate(CORRUPTIONS)]
        ),
        "open-set": make_impossible_faces(faces),
        "generate": punkmodels.load_generator(device="cpu").generate(6, seed=0, novel=True),
        "generate-unseen": draw(
            ("Female", "Welding Goggles", "Blonde Bob", "Hot Lipstick"),
            ("Male", "Hoodie", "3D Glasses", "Handlebars"),
            ("Zombie", "Hoodie", "Classic Shades"),
            ("Alien", "Bandana", "VR"),
            ("Female", "Straight Hair Blonde", "VR", "Earring", "Vape"),
            ("Male", "Vampire Hair", "Eye Patch", "Muttonchops"),
        ),
        "explain": make_explanations(faces),
    }


def make_impossible_faces(faces: Sprites) -> Sprites:
    """Return sprites that no punk could be: chimeras and edited pixels."""
    rng = np.random.default_rng(0)
    chimeras = np.concatenate([faces[:2, :12], faces[[5, 3], 12:]], axis=1)
    indices = palette_indices(faces).reshape(len(faces), -1)
    mixed, recolored = mix_pixels(indices, 17, rng), recolor_pixel(indices, rng)
    edited = PALETTE[np.concatenate([mixed[2:4], recolored[4:6]]).reshape(-1, 24, 24)]
    return np.concatenate([chimeras, edited])


def make_explanations(faces: Sprites) -> Sprites:
    """Return three punks, each with one accessory of which only the own pixels are in color."""
    without = draw(
        ("Male", "Nerd Glasses", "Vape"),
        ("Female", "Tiara", "Pipe"),
        ("Zombie", "Beanie", "Horned Rim Glasses", "Vape"),
        ("Male", "Top Hat", "Luxurious Beard"),
    )
    shown = []
    for row in (0, 1, 3):  # Bandana, 3D Glasses, VR
        is_own = (faces[row] != without[row]).any(axis=-1, keepdims=True)
        gray = flatten(faces[[row]])[0].mean(axis=-1, keepdims=True).repeat(3, axis=-1) // 2 + 120
        highlighted = np.where(is_own, faces[row, ..., :3], gray.astype(np.uint8))
        shown += [flatten(faces[[row]])[0], highlighted]
    return np.stack(shown)


def check_not_real(pictures: dict[str, Sprites], root: Path) -> None:
    """Stop if a picture shows a real punk."""
    everyone = PunkDataset(root, split="all").data.permute(0, 2, 3, 1).numpy()
    known = {flatten(sprite[None]).tobytes() for sprite in everyone}
    for name, sprites in pictures.items():
        for number, sprite in enumerate(sprites):
            rgb = flatten(sprite[None]) if sprite.shape[-1] == 4 else sprite[None]
            if rgb.tobytes() in known:
                sys.exit(f"error: picture {number} of {name} is a real punk")


def write_pictures(root: Path | None) -> None:
    pictures = make_pictures()
    if root:
        check_not_real(pictures, root)
    IMAGES.mkdir(exist_ok=True)
    for name, sprites in pictures.items():
        rgb = flatten(sprites) if sprites.shape[-1] == 4 else sprites
        strip = np.concatenate(list(rgb), axis=1).repeat(SCALE, axis=0).repeat(SCALE, axis=1)
        Image.fromarray(strip).save(IMAGES / f"{name}.png", optimize=True)


def make_tables(baselines: dict[str, dict[str, Any]]) -> str:
    """Return the section of each track with its table, as Markdown."""
    return "\n".join(
        _make_section(track, baselines.get(track.name, {})) for track in TRACKS.values()
    )


def _make_section(track: Track, baselines: dict[str, Any]) -> str:
    titles = list(track.scores.values())
    arrow = " ↓" if track.lower_is_better else ""
    lines = [
        f"### {track.name}",
        "",
        track.question,
        "",
        f"| model | trainings | {titles[0]}{arrow} | {' | '.join(titles[1:])} |",
        "|---" * (len(titles) + 2) + "|",
    ]
    for name, entry in sort_baselines(track, baselines):
        cells = [format_score(entry["scores"][key]) for key in track.scores]
        mark = "" if entry["official"] else " (unofficial)"
        trainings = entry["num_trainings"] or "-"
        lines.append(f"| {name}{mark} | {trainings} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def write_tables() -> None:
    """Replace the tables of the page."""
    text = PAGE.read_text("utf-8")
    before, rest = text.split(START)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{START}\n{make_tables(load_baselines())}{END}{after}", "utf-8")


def write_plot(path: Path) -> None:
    """Draw the first score of each track, by model, with standard deviations."""
    from matplotlib.figure import Figure

    baselines = [sort_baselines(t, load_baselines().get(t.name, {}))[::-1] for t in TRACKS.values()]
    # A row has two tracks, and room for the bars of the longer one.
    rows = [max(map(len, baselines[i : i + 2])) for i in range(0, len(baselines), 2)]
    figure = Figure(figsize=(9, 0.2 * sum(rows) + 2), layout="constrained")
    grid = figure.subplots(len(rows), 2, height_ratios=rows)
    for i, (track, models) in enumerate(zip(TRACKS.values(), baselines, strict=True)):
        axes = grid.flat[i]
        found = [entry["scores"][track.main_score] for _, entry in models]
        means, stds = ([score[key] or 0 for score in found] for key in ("mean", "std"))
        names = [name for name, _ in models]
        colors = ["#4c78a8" if entry["num_trainings"] else "#bbbbbb" for _, entry in models]
        bars = axes.barh(names, means, xerr=stds, color=colors, height=0.7)
        digits = 2 if track.lower_is_better else 3
        labels = [f"{mean:.{digits}f}" for mean in means]
        axes.bar_label(bars, labels, padding=4, fontsize=7)
        title = f"{track.name}: {track.scores[track.main_score]}"
        if track.lower_is_better:
            axes.set_xscale("log")
            axes.set_xlim(1, 2.5 * max(means, default=1))
            axes.set_xticks([1, 10], ["1", "10"])
            axes.tick_params(which="minor", length=0, labelbottom=False)
            title += ", lower is better"
        else:
            axes.set_xlim(0, 1.15)
            axes.set_xticks([0, 0.5, 1])
        axes.set_ylim(len(names) - rows[i // 2] - 0.5, len(names) - 0.5)
        axes.set_title(title, fontsize=8)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=100)


def main() -> None:
    write_pictures(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    write_plot(DOCS / "images" / "punkbench.png")
    write_tables()


if __name__ == "__main__":
    main()
