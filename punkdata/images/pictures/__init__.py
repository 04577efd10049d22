"""Punks in any picture: where they may be, how large their pixels are, and which colors these have.

Unlike `punkdata.images.decode`, which returns the only sprite that an image can show, this package
proposes readings, of which most are wrong. Callers must check each, for example by
drawing the punk again. `punkdata fetch` does not use it.
"""
