"""Failures of one endpoint of the API, which the rest of a fetch or build survives.

They have a module of their own because tokens, sales and listings share the decision.
"""

from punkdata.errors import ForbiddenError, NetworkError, NotRecordedError, PunkError, ReplyError

_SURVIVABLE = (ForbiddenError, NetworkError, NotRecordedError, ReplyError)


def survive(error: PunkError) -> str:
    """Return the message of an error that concerns one endpoint alone; raise every other error.

    Such errors are: status 403, a lasting failure of any other status, an invalid reply, and,
    during a replay or a build, a reply that the fetch could not record for one of these reasons.
    A refused key, a rate limit, a full disk, a damaged recording and Ctrl-C are raised.
    """
    if isinstance(error, _SURVIVABLE):
        return error.message
    raise error
