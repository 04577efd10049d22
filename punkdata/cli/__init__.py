"""The command `punkdata`: parses options, calls the library and prints results.

It may import everything in punkdata; nothing else imports it, except punkmodels.cli. Modules that
need torch, pyarrow or pandas are imported inside the commands, so that --help is fast.
"""
