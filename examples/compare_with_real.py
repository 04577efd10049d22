"""Compare rendered with real punks: python examples/compare_with_real.py

The bundled renderer draws punks of the test split from their labels alone. Writes ./demo/
real-and-rendered.png: real punks in the upper row, and below each the punk drawn from its labels.
"""

from pathlib import Path

import numpy as np
from PIL import Image

import punkmodels
from punkdata import PunkDataset

SIDE_PX, COLUMNS = 144, 8

test = PunkDataset("data", split="test")
rows = np.linspace(0, len(test) - 1, COLUMNS).astype(int)
grid = Image.new("RGBA", (len(rows) * SIDE_PX, 2 * SIDE_PX), "#638596")
frame = test.to_pandas()
for column, row in enumerate(rows.tolist()):
    real, (punk_type, accessories) = test.image(row), frame.iloc[row][["type", "accessories"]]
    # The labels do not include the skin tone, so the tone with the fewest wrong pixels is chosen.
    drawn = [
        punkmodels.draw(punk_type, *accessories, skin_tone=tone, scale=1, allow_impossible=True)
        for tone in ((1, 2, 3, 4) if punk_type in ("Female", "Male") else (None,))
    ]
    wrong = [int((np.asarray(real) != np.asarray(image)).any(axis=-1).sum()) for image in drawn]
    best = int(np.argmin(wrong))
    for line, image in enumerate((real, drawn[best])):
        large = image.resize((SIDE_PX, SIDE_PX), Image.Resampling.NEAREST)
        grid.alpha_composite(large, (column * SIDE_PX, line * SIDE_PX))
    labels = ", ".join([punk_type, *accessories])
    print(f"punk {frame.index[row]}: {wrong[best]} of 576 pixels differ ({labels})")
out = Path("demo/real-and-rendered.png")
out.parent.mkdir(exist_ok=True)
grid.save(out)
print(f"wrote {out}: real punks above, rendered ones below")
