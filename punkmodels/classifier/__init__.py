"""Classifiers of a punk's type and accessories; may import `punkmodels.training` and `.data`.

Predictions are compared with what `punkmodels.renderer.comparison` draws from their labels.
"""
