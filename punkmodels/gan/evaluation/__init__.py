"""Evaluation of trained generators, with reports as JSON, tables and images.

Imports the networks, `punkmodels.gan.generate` and `punkmodels.gan.metrics`. Only
`punkmodels.cli`, tests and benchmarks import it; training does not.
"""
