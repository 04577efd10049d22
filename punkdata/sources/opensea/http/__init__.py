"""Requests to the OpenSea API and to image hosts: sending, retrying, rate limits and redaction.

Nothing here knows what a reply means. Only the rest of `punkdata.sources.opensea`, `fetch` and the
command line import this package.
"""
