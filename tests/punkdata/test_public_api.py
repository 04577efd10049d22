"""The names that `import punkdata` offers."""

from __future__ import annotations

import pytest

import punkdata


def test_every_public_name_can_be_imported_and_is_listed() -> None:
    for name in punkdata.__all__:
        assert getattr(punkdata, name) is not None
        assert name in dir(punkdata)


def test_dir_lists_the_public_names_alone() -> None:
    import punkdata.dataset  # submodules become attributes of the package

    assert {name for name in dir(punkdata) if not name.startswith("__")} == {
        name for name in punkdata.__all__ if name != "__version__"
    }


def test_public_names_are_the_objects_of_their_modules() -> None:
    from punkdata.errors import PunkError
    from punkdata.images.decode import decode_image
    from punkdata.traits import LABELS

    assert punkdata.PunkError is PunkError
    assert punkdata.decode_image is decode_image
    assert punkdata.LABELS is LABELS


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'punk_set'"):
        _ = punkdata.punk_set
