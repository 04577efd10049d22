"""Neural networks trained on the CryptoPunks: classifiers of traits, and image generators.

The command line is `punkmodels` (see `punkmodels.cli`). Training reads snapshots that `punkdata`
builds, and writes run folders.
"""

import logging as _logging

# Without a configuration of logging, nothing is shown.
_logging.getLogger(__name__).addHandler(_logging.NullHandler())
