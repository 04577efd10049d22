"""Neural networks trained on the CryptoPunks: classifiers of traits, and image generators.

The command line is `punkmodels` (see `punkmodels.cli`). Training reads snapshots that `punkdata`
builds, and writes run folders.
"""
