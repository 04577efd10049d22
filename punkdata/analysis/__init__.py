"""Analyses of a snapshot: sprite layers, occluded labels, charts and the gallery page.

These modules read snapshots and write nothing. Only `punkdata.cli` and `punkmodels` import them.
"""
