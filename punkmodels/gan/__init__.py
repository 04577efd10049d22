"""Generators of punks: networks, training, generation and evaluation.

Imports `punkmodels.classifier` for features and predicted labels, `punkmodels.training` and
`punkmodels.data`. Only `punkmodels.cli` imports it.
"""
