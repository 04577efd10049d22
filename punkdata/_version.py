"""The version of punkdata and punkmodels."""

__version__ = "0.1.0"
