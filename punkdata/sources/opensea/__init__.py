"""The OpenSea API v2: HTTP transport, client, and parsing into the records of `punkdata.records`.

The layers from bottom to top are `transport`, `client`, and `tokens`, `sales` and `images`. Only
`fetch`, the readers of recordings and the command line import this package.
"""
