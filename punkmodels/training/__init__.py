"""Infrastructure of training; may import punkdata and `punkmodels.data`, but not the models."""
