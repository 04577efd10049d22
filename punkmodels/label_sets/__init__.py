"""A model of label sets: which types, skin tones and accessories occur together on one punk.

It may import `data`, `training` and `renderer`; it knows nothing of pixels.
"""
