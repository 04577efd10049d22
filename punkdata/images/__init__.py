"""Conversion of image bytes to exact 24x24 RGBA sprites.

`decode.decode_image` is the entry point; the other modules hold its steps and the sprite's basic
facts. This package imports only `punkdata.errors`, and every other part may import it.
"""
