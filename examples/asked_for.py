"""Punks by name: python examples/asked_for.py

Asks the generator that comes with punkmodels for a few punks, most of which nobody owns, and
leaves them as one picture in ./demo.
"""

from pathlib import Path

import torch

from punkmodels.gan.config import BUNDLED_CONDITIONAL, load_generator, read_dcgan_config
from punkmodels.gan.generate import generate_sprites, write_grid
from punkmodels.gan.label_conditions import HUMANS, conditions_from_names

WISHES = [
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

config = read_dcgan_config(BUNDLED_CONDITIONAL).options
model = load_generator(BUNDLED_CONDITIONAL, torch.device("cpu"))
tones = [i % 4 + 1 if kind in HUMANS else None for i, (kind, _) in enumerate(WISHES)]
condition = torch.cat(
    [
        conditions_from_names(config, 1, *wish, skin_tone)
        for wish, skin_tone in zip(WISHES, tones, strict=True)
    ]
)
sprites, _ = generate_sprites(model, len(condition), seed=0, condition=condition)
write_grid(sprites, Path("demo/asked-for.png"), scale=8)
for punk_type, accessories in WISHES:
    print(f"asked for: {punk_type}, {', '.join(accessories)}")
print("drawn in demo/asked-for.png")
