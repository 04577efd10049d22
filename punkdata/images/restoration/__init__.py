"""Restoration of exact sprites from lossy or smoothly resized images.

README.md in this folder explains the method. Only `punkdata.images.decode` imports this package.
"""
