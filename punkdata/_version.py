"""Version of punkdata and punkmodels, which are released together."""

__version__ = "0.1.0"
