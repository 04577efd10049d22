"""The OpenSea API v2, from requests to the records of `punkdata.records`.

`http` sends requests, `api` is the client, and the modules here turn its replies into labels,
images, sales and listings. Only `fetch`, `estimate`, the readers of recordings and the command line
import this package.
"""
