"""Look at the data set: python examples/first_look.py

Opens the latest snapshot in ./data, prints a summary of the test split, and writes a contact sheet
and four test punks as PNG files to ./demo.
"""

from pathlib import Path

from punkdata import PunkDataset

out = Path("demo")
out.mkdir(exist_ok=True)

test = PunkDataset("data", split="test")
print(test)

test.montage(n=100, scale=4).save(out / "contact-sheet.png")

frame = test.to_pandas()
for punk_type in ("Female", "Male", "Zombie", "Ape"):
    punk_id = frame.index[frame["type"] == punk_type][0]
    test.image(test.index_of(punk_id), scale=14).save(out / f"punk-{punk_id:04d}.png")
    labels = ", ".join([punk_type, *frame.loc[punk_id, "accessories"]])
    print(f"demo/punk-{punk_id:04d}.png has the labels {labels}")
