"""Training data as tensors: splits, palette indices, skin tones, and image files and grids.

May import `punkdata` and torch, but neither the models nor `punkmodels.training`.
"""
