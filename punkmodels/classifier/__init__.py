"""Classifiers of a punk's type and accessories; may import `punkmodels.training` and `.data`."""
