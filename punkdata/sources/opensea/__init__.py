"""The OpenSea API v2: HTTP transport, client, and parsing into the records of `punkdata.records`.

The layers from bottom to top are `transport`, `retry`, `session`, `client`, and `tokens`, `sales`
and `image_download`. Only `fetch`, `build` and the command line may import this package.
"""
