"""A program that runs `punkdata` with a system clock that jumps once.

    python tests/support/jumping_clock.py AHEAD_S AFTER_S [PUNKDATA ARGUMENTS]

The clock jumps by AHEAD_S seconds when AFTER_S seconds have passed.
"""

import sys
import time

ahead_s, after_s = float(sys.argv[1]), float(sys.argv[2])
del sys.argv[1:3]

_real_time = time.time
_jump_at = time.monotonic() + after_s


def _jumping_time() -> float:
    return _real_time() + (ahead_s if time.monotonic() > _jump_at else 0)


# The clock is replaced before any module of punkdata can take a reference to the real one.
time.time = _jumping_time

from punkdata.cli.app import main  # noqa: E402  # see above

main()
