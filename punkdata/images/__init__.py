"""Conversion of image bytes to exact 24x24 RGBA sprites.

`decode.decode_image` is the entry point. The other modules implement its steps, and define the
sprite format and the palette. This package imports only `punkdata.errors`, and every other part may
import it.
"""
