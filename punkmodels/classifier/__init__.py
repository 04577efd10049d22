"""Classifiers of a punk's type and accessories: networks, training, evaluation and prediction.

May import `punkmodels.training` and `punkmodels.data`, but not `punkmodels.gan`.
"""
