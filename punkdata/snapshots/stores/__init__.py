"""Snapshots that are not on this machine: in object stores, on web servers and on the Hugging Face
Hub. Only `snapshots.reader` and the commands import this package.
"""
