"""Write the model cards of the bundled models, the README.md of each folder in punkmodels/weights/.

python docs/make_model_cards.py
"""

from __future__ import annotations

from pathlib import Path

import punkmodels
from punkmodels.export.card import CARD_FILE, render_model_card
from punkmodels.training.run_dir import read_config

if __name__ == "__main__":
    weights = Path(punkmodels.__file__).parent / "weights"
    for config in sorted(weights.glob("*/config.json")):
        card = config.with_name(CARD_FILE)
        card.write_text(render_model_card(read_config(config.parent)), "utf-8")
        print(card)
