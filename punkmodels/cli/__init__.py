"""The command line `punkmodels`: one module per command, which parses options and prints results.

May import everything in `punkmodels` and `punkdata`; nothing imports it. Modules that need torch
are imported inside the commands, so that --help stays fast.
"""
