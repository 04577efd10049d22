"""Failures of one endpoint of the API, which the rest of a fetch or build survives.

They have a module of their own because tokens, sales and listings share the decision.
"""

from punkdata.errors import (
    ForbiddenError,
    LimitError,
    NetworkError,
    NotRecordedError,
    PunkError,
    ReplyError,
    UnreachableError,
)

_SURVIVABLE = (ForbiddenError, NetworkError, NotRecordedError, ReplyError)


def survive(error: PunkError) -> str:
    """Return the message of an error that concerns one endpoint alone; raise every other error.

    Such errors are: status 403, a lasting failure of any other status, an invalid reply, a rate
    limit of this endpoint, and, during a replay or a build, a reply that the fetch could not record
    for one of these reasons. A refused key, an unreachable server, a rate limit of the whole
    server, a full disk, a damaged recording and Ctrl-C are raised.
    """
    is_endpoint_limit = isinstance(error, LimitError) and not error.is_host_wide
    is_failure = isinstance(error, _SURVIVABLE) and not isinstance(error, UnreachableError)
    if is_failure or is_endpoint_limit:
        return error.message
    raise error
