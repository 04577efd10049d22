from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.cpunks10k_package import malicious_function, pickle_frame

from punkdata.errors import DataError
from punkdata.sources.restricted_pickle import ArrayUnpickler, InertObject


class Malicious:
    def __reduce__(self) -> object:
        return os.mkdir, ("executed",)


def load(data: bytes) -> object:
    return ArrayUnpickler(io.BytesIO(data)).load()


def test_arrays_are_rebuilt_inside_inert_objects() -> None:
    image = np.arange(24 * 24 * 4, dtype=np.float32).reshape(24, 24, 4)
    frame = load(pickle_frame({7: image}))
    assert isinstance(frame, InertObject)
    blocks, axes = frame.state["_mgr"].args
    assert (blocks[1].args[0].items[0][0] == image).all()
    assert axes[1].args[1]["data"].items == ["7"]


def test_function_calls_in_a_pickle_are_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"refers to (posix|nt)\.mkdir"):
        load(pickle.dumps(Malicious()))
    with pytest.raises(DataError, match=r"refers to os\.system"):
        load(pickle_frame({}, malicious=malicious_function()))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["builtins.eval", "builtins.getattr", "numpy.load", "pandas.io.pickle.read_pickle"]
)
def test_similar_names_are_rejected(name: str) -> None:
    with pytest.raises(DataError, match=name):
        ArrayUnpickler(io.BytesIO()).find_class(*name.rsplit(".", 1))


def test_dtype_with_a_hidden_object_flag_is_rejected() -> None:
    find = ArrayUnpickler(io.BytesIO()).find_class
    dtype = find("numpy", "dtype")("O8", False, True)
    dtype.__setstate__((3, "|", None, None, None, -1, -1, 0))
    with pytest.raises(ValueError, match="arrays of 'O8' are not allowed"):
        find("numpy.core.numeric", "_frombuffer")(b"A" * 8, dtype, (1,), "C")


def test_huge_shape_does_not_allocate_memory() -> None:
    reconstruct = ArrayUnpickler(io.BytesIO()).find_class("numpy.core.multiarray", "_reconstruct")
    assert isinstance(reconstruct(None, (10**12,), b"b"), InertObject)


MEASURE_MEMORY = """
import io, resource, sys
from punkdata.sources.restricted_pickle import ArrayUnpickler
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
try:
    ArrayUnpickler(io.BytesIO(bytes.fromhex(sys.argv[1]))).load()
except Exception:
    pass
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_AS")
@pytest.mark.parametrize(
    "instruction",
    [
        pickle.LONG_BINPUT + (10**8).to_bytes(4, "little"),
        pickle.BYTEARRAY8 + (2 * 10**9).to_bytes(8, "little"),
        pickle.BINBYTES8 + (2 * 10**9).to_bytes(8, "little"),
        pickle.FRAME + (2 * 10**9).to_bytes(8, "little"),
    ],
)
def test_short_pickle_does_not_allocate_much_memory(instruction: bytes) -> None:
    data = pickle.PROTO + b"\x05" + pickle.NONE + instruction + pickle.STOP
    command = [sys.executable, "-c", MEASURE_MEMORY, data.hex()]
    # With many threads, numpy would reserve more address space than the limit.
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 100  # MiB
