"""The immutable data set on disk or at a URL: writing, reading, comparing, exporting.

A snapshot is built once, named by a hash of its content, and never changed. Modules here may
import the layers below (`records`, `images`, `schema`, `splits`, `traits`, `files`, `errors`), but
nothing from `sources` or `cli`.
"""
