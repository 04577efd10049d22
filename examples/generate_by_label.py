"""Generate punks by their labels: python examples/generate_by_label.py

Uses the bundled conditional generator, which needs no data, and writes one image grid to ./demo.
Most of these combinations do not exist in the collection.
"""

from pathlib import Path

import torch

from punkmodels.gan.config import BUNDLED_CONDITIONAL, load_generator, read_dcgan_config
from punkmodels.gan.generate import generate_sprites, write_grid
from punkmodels.gan.label_conditions import HUMAN_TYPES, conditions_from_names

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

spec = read_dcgan_config(BUNDLED_CONDITIONAL).options.condition_spec
model = load_generator(BUNDLED_CONDITIONAL, torch.device("cpu"))
skin_tones = [i % 4 + 1 if kind in HUMAN_TYPES else None for i, (kind, _) in enumerate(LABEL_SETS)]
condition = torch.cat(
    [
        conditions_from_names(spec, 1, *label_set, skin_tone)
        for label_set, skin_tone in zip(LABEL_SETS, skin_tones, strict=True)
    ]
)
sprites, _ = generate_sprites(model, len(condition), seed=0, condition=condition)
write_grid(sprites, Path("demo/by-label.png"), scale=8)
for punk_type, accessories in LABEL_SETS:
    print(f"{punk_type}: {', '.join(accessories)}")
print("wrote demo/by-label.png")
