"""Train a CNN of your own: python examples/train_and_evaluate.py [ROOT] [EPOCHS]

The whole training split is one tensor, so no DataLoader is needed. The loss is binary cross-entropy
per label, because a punk has several labels. The scores are computed on the test split.
"""

from __future__ import annotations

import sys

import torch
from torch import nn
from torch.nn import functional as F

import punkmodels
from punkdata import PunkDataset, PunkError

root = sys.argv[1] if len(sys.argv) > 1 else "data"
epochs = int(sys.argv[2]) if len(sys.argv) > 2 else 8
try:
    # Labels that no pixel shows cannot be learned, so they are set to 0.
    train, test = (PunkDataset(root, split=name, visible_only=True) for name in ("train", "test"))
except PunkError as error:
    sys.exit(f"error: {error}")
images, labels = train.as_tensors()  # uint8 (N, 4, 24, 24), float32 (N, 92)

torch.manual_seed(0)
model = nn.Sequential(
    *(nn.Conv2d(4, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
    *(nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)),
    # No global average pooling: the position of a pixel identifies the accessory.
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

with torch.inference_mode():
    model.eval()
    test_images, _ = test.as_tensors()
    logits = torch.cat([model(batch.float() / 255) for batch in test_images.split(500)])
print(punkmodels.evaluate_predictions(logits, split="test", root=root))
