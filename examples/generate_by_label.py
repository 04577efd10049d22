"""Generate punks by their labels: python examples/generate_by_label.py

Uses the bundled renderer, which needs no data, and writes one image grid to ./demo.
Most of these combinations do not exist in the collection.
"""

from pathlib import Path

from PIL import Image

import punkmodels

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
COLUMNS, SIDE_PX = 3, 192

grid = Image.new("RGBA", (COLUMNS * SIDE_PX, len(LABEL_SETS) // COLUMNS * SIDE_PX), "#638596")
for i, (punk_type, accessories) in enumerate(LABEL_SETS):
    punk = punkmodels.draw(punk_type, *accessories, skin_tone=None, scale=SIDE_PX // 24)
    row, column = divmod(i, COLUMNS)
    grid.alpha_composite(punk, (column * SIDE_PX, row * SIDE_PX))
    print(f"{punk_type}: {', '.join(accessories)}")
out = Path("demo/by-label.png")
out.parent.mkdir(exist_ok=True)
grid.save(out)
print(f"wrote {out}")
