"""The OpenSea API v2 as a client sees it: endpoints, pagination, and schemas of the replies.

It sends its requests through any httpx transport. What the replies mean for the data set is decided
above, in `tokens`, `sales` and `listings`.
"""
