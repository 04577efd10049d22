"""Data of the models as tensors, and image files; may import punkdata only."""
