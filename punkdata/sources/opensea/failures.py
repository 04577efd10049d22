"""Decision whether a failed endpoint of the API ends a fetch or build, or becomes a warning.

This is a separate module because tokens, sales and listings share the decision.
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

_ENDPOINT_ERRORS = (ForbiddenError, NetworkError, NotRecordedError, ReplyError)


def message_or_raise(error: PunkError) -> str:
    """Return the message of an error that concerns one endpoint alone; raise every other error.

    Such errors are: status 403, a lasting failure of any other status, an invalid reply, a rate
    limit of this endpoint, and, during a replay or a build, a reply that the fetch could not record
    for one of these reasons. A refused key, an unreachable server, a rate limit of the whole
    server, a full disk, a damaged recording and Ctrl-C are raised.
    """
    is_endpoint_limit = isinstance(error, LimitError) and not error.is_host_wide
    is_failure = isinstance(error, _ENDPOINT_ERRORS) and not isinstance(error, UnreachableError)
    if is_failure or is_endpoint_limit:
        return error.message
    raise error
