"""Generate punks by their labels: python examples/generate_by_label.py

Uses the bundled renderer, which needs no data, and writes one captioned grid to ./demo.
Most of these combinations do not exist in the collection.
"""

import textwrap
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

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
COLUMNS, SIDE_PX, CAPTION_PX = 3, 192, 62

rows = len(LABEL_SETS) // COLUMNS
grid = Image.new("RGBA", (COLUMNS * SIDE_PX, rows * (SIDE_PX + CAPTION_PX)), "white")
write = ImageDraw.Draw(grid)
for i, (punk_type, accessories) in enumerate(LABEL_SETS):
    left, top = i % COLUMNS * SIDE_PX, i // COLUMNS * (SIDE_PX + CAPTION_PX)
    skin_tone = 1 + i % 4 if punk_type in ("Female", "Male") else None
    punk = punkmodels.draw(punk_type, *accessories, skin_tone=skin_tone, scale=SIDE_PX // 24)
    grid.paste("#638596", (left, top, left + SIDE_PX, top + SIDE_PX))
    grid.alpha_composite(punk, (left, top))
    caption = f"{punk_type}: {', '.join(accessories)}"
    lines = "\n".join(textwrap.wrap(caption, 26))
    write.text((left + 6, top + SIDE_PX + 4), lines, "black", ImageFont.load_default(14))
    print(caption)
out = Path("demo/by-label.png")
out.parent.mkdir(exist_ok=True)
grid.save(out)
print(f"wrote {out}")
