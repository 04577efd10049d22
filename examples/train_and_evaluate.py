"""A network of your own on the punks, scored: python examples/train_and_evaluate.py [ROOT] [EPOCHS]

The whole training part is one tensor; a batch is an index into it, so no loader is needed. The
loss is that of each label by itself, because a punk carries several. Scores are of held-out punks.
"""

from __future__ import annotations

import sys

import torch
from torch import nn
from torch.nn import functional as F

from punkdata import PunkDataset
from punkdata.errors import PunkError
from punkmodels.classifier.metrics import average_precision, exact_match, f1

root = sys.argv[1] if len(sys.argv) > 1 else "data"
epochs = int(sys.argv[2]) if len(sys.argv) > 2 else 8
try:
    # What no pixel shows cannot be learnt, so it is left out.
    train, test = (PunkDataset(root, split=part, visible_only=True) for part in ("train", "test"))
except PunkError as error:
    sys.exit(f"error: {error}")
images, labels = train.as_tensors()  # uint8 (N, 4, 24, 24), float32 (N, 92)

torch.manual_seed(0)
model = nn.Sequential(
    *(nn.Conv2d(4, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
    *(nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)),
    # No average over all places: where something is, tells what it is.
    *(nn.Flatten(), nn.Linear(64 * 6 * 6, 256), nn.ReLU(), nn.Linear(256, len(train.classes))),
)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)

for epoch in range(epochs):
    model.train()
    for index in torch.randperm(len(images)).split(128):
        logits = model(images[index].float() / 255)
        loss = F.binary_cross_entropy_with_logits(logits, labels[index])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    schedule.step()
    print(f"epoch {epoch + 1}/{epochs}: loss of the last batch {loss.item():.4f}", flush=True)

held_out, truth = test.as_tensors()
with torch.inference_mode():
    model.eval()
    scores = torch.cat([model(part.float() / 255) for part in held_out.split(500)]).numpy()
right, told = truth.numpy() > 0, scores > 0
carried = right.any(axis=0)  # an average precision needs someone who carries the label
precisions = [average_precision(right[:, i], scores[:, i]) for i in carried.nonzero()[0]]
print(f"{len(test):,} held-out punks")
print(f"all visible labels right   {exact_match(right, told):.1%}")
print(f"micro-F1                   {f1(right, told, axis=None):.4f}")
print(f"mean average precision     {sum(precisions) / len(precisions):.4f}")
