"""A renderer: a small model that draws a punk from its type, accessories and skin tone.

Imports `punkmodels.classifier`, `punkmodels.training` and `punkmodels.data`. Only `punkmodels.cli`
imports it.
"""
