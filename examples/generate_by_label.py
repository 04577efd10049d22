"""Generate punks by their labels: python examples/generate_by_label.py

Uses the bundled renderer, which needs no data, and writes one image grid to ./demo.
Most of these combinations do not exist in the collection.
"""

from pathlib import Path

import torch

from punkmodels.gan.generate import write_grid
from punkmodels.renderer.network import (
    BUNDLED_RENDERER,
    conditions_from_labels,
    labels_from_names,
    load_renderer,
)

LABEL_SETS = [
    ("Zombie", ["3D Glasses"]),
    ("Zombie", ["Top Hat", "Big Beard", "Pipe"]),
    ("Alien", ["Cowboy Hat", "Eye Patch", "Cigarette"]),
    ("Alien", ["Hoodie", "VR"]),
    ("Ape", ["Beanie", "Nerd Glasses", "Vape"]),
    ("Ape", ["Police Cap", "Gold Chain"]),
    ("Female", ["Wild White Hair", "Welding Goggles", "Hot Lipstick"]),
    ("Female", ["Tiara", "Green Eye Shadow", "Choker", "Mole"]),
    ("Female", ["Pilot Helmet", "Clown Nose", "Cigarette"]),
    ("Male", ["Wild Hair", "Clown Eyes Blue", "Clown Nose", "Smile"]),
    ("Male", ["Do-rag", "Horned Rim Glasses", "Luxurious Beard", "Earring"]),
    ("Male", ["Peak Spike", "Eye Mask", "Front Beard Dark", "Buck Teeth"]),
]

model = load_renderer(BUNDLED_RENDERER, torch.device("cpu"))
labels = torch.stack([labels_from_names(*label_set) for label_set in LABEL_SETS])
sprites = model(conditions_from_labels(labels))  # The skin tones alternate.
write_grid(sprites, Path("demo/by-label.png"), scale=8)
for punk_type, accessories in LABEL_SETS:
    print(f"{punk_type}: {', '.join(accessories)}")
print("wrote demo/by-label.png")
