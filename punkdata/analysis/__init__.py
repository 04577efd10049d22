"""Analyses of a snapshot: sprite layers, occluded labels, prices, charts and the gallery page.

These modules read snapshots and write nothing. Only `punkdata.build_tables`, `punkdata.verify`,
`punkdata.cli`, `punkmodels` and the public API import them.
"""
