"""Metrics of generated images, computed from tensors without reading or writing files.

Imported by `punkmodels.gan`; imports only `punkmodels.data` and punkdata's traits and palette.
"""
