from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from punkdata.errors import NotRecordedError
from punkdata.files import utc_now
from punkdata.sources.recording import Recording, create_recording, open_recording
from punkdata.sources.recording_format import RecordingInfo, Reply
from punkdata.sources.recording_transport import RecordingTransport

URL = "https://api.test/api/v2/nfts?limit=200&a=1"
INFO = RecordingInfo(source="test", collection="c", base_url="https://api.test")


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return create_recording(tmp_path, INFO.model_copy(deep=True))


class Network:
    """A fake network that replies with the given statuses and stores the requested URLs."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.requested: list[str] = []
        self.transport = httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requested.append(str(request.url))
        body = f"reply {len(self.requested)}".encode()
        headers = {"x-ratelimit-limit": "9", "set-cookie": "me=1", "x-account": "me"}
        return httpx.Response(self.statuses.pop(0), content=body, headers=headers)


def send(
    transport: RecordingTransport,
    url: str = URL,
    method: str = "GET",
    body: bytes = b"",
    **extensions: object,
) -> httpx.Response:
    return transport.handle_request(httpx.Request(method, url, content=body, extensions=extensions))


def test_recorded_request_is_not_sent_again_even_after_reopening(recording: Recording) -> None:
    network = Network(200)
    assert send(RecordingTransport(recording, network.transport)).content == b"reply 1"
    again = RecordingTransport(open_recording(recording.path), network.transport)
    # The order in the query makes no difference.
    assert send(again, "https://api.test/api/v2/nfts?a=1&limit=200").content == b"reply 1"
    assert len(network.requested) == 1


def test_requests_differ_by_method_and_body(recording: Recording) -> None:
    network = Network(200, 200, 200)
    transport = RecordingTransport(recording, network.transport)
    bodies = [
        send(transport, URL, "POST", b"1"),
        send(transport, URL, "POST", b"2"),
        send(transport, URL),
    ]
    assert [r.content for r in bodies] == [b"reply 1", b"reply 2", b"reply 3"]
    assert send(transport, URL, "POST", b"2").content == b"reply 2"


def test_failed_requests_are_logged_without_body_and_sent_again(recording: Recording) -> None:
    network = Network(429, 503, 400, 304, 206)
    transport = RecordingTransport(recording, network.transport)
    assert [send(transport).status_code for _ in range(6)] == [429, 503, 400, 304, 206, 206]
    lines = recording.index_path.read_text().splitlines()
    assert len(lines) == 5
    assert "reply 1" not in lines[0]
    assert len(list((recording.path / "bodies").iterdir())) == 1


def test_404_is_final_only_if_the_request_says_so(recording: Recording) -> None:
    network = Network(410, 404, 200)
    transport = RecordingTransport(recording, network.transport)
    image = "https://i.test/1.png"
    statuses = [send(transport, image, not_found_is_final=True).status_code for _ in range(2)]
    assert statuses == [410, 410]
    assert len(network.requested) == 1
    assert [send(transport).status_code for _ in range(2)] == [404, 200]


def test_only_allowed_headers_are_recorded(recording: Recording) -> None:
    send(RecordingTransport(recording, Network(200).transport))
    text = recording.index_path.read_text()
    assert "x-ratelimit-limit" in text
    assert "cookie" not in text
    assert "account" not in text


def test_json_is_compressed_and_images_are_not(recording: Recording) -> None:
    transport = RecordingTransport(recording, Network(200, 200).transport)
    send(transport)
    send(transport, "https://i.test/1.png", image=True)
    names = sorted(path.suffix for path in (recording.path / "bodies").iterdir())
    assert names == ["", ".gz"]


def test_replay_serves_only_recorded_replies_and_failures(recording: Recording) -> None:
    transport = RecordingTransport(recording, Network(200, 400).transport)
    send(transport)
    send(transport, "https://api.test/failed")
    replay = RecordingTransport(open_recording(recording.path))
    response = send(replay)
    assert response.content == b"reply 1"
    assert response.extensions["body_sha256"]
    with pytest.raises(NotRecordedError, match="no reply to GET https://api.test/other"):
        send(replay, "https://api.test/other")
    assert send(replay, "https://api.test/failed").status_code == 400


def test_new_pass_ignores_earlier_pages_and_can_be_resumed(recording: Recording) -> None:
    network = Network(*[200] * 5)
    transport = RecordingTransport(recording, network.transport)
    second = f"{URL}&next=abc%3D"
    assert [send(transport).content, send(transport, second).content] == [b"reply 1", b"reply 2"]
    assert send(transport, restart=True).content == b"reply 3"
    # After a crash, the newest pass counts.
    later = RecordingTransport(open_recording(recording.path), network.transport)
    assert [send(later).content, send(later, second).content] == [b"reply 3", b"reply 4"]
    replay = RecordingTransport(open_recording(recording.path))
    assert [send(replay).content, send(replay, second).content] == [b"reply 3", b"reply 4"]


def test_parent_reply_is_copied_only_with_reuse(recording: Recording, tmp_path: Path) -> None:
    image = "https://i.test/1.png"
    first = RecordingTransport(recording, Network(200, 200, 404).transport)
    send(first, image, image=True)
    send(first)
    send(first, "https://i.test/2.png", image=True)
    child = create_recording(tmp_path, INFO.model_copy(deep=True))
    network = Network(201, 202)
    transport = RecordingTransport(child, network.transport, parent=recording)
    assert send(transport, image, image=True, reuse=True).content == b"reply 1"
    assert network.requested == []
    assert send(transport).status_code == 201
    assert send(transport, "https://i.test/2.png", image=True, reuse=True).status_code == 202
    # The child must not need the bodies of its parent.
    for path in (recording.path / "bodies").iterdir():
        path.unlink()
    assert send(RecordingTransport(open_recording(child.path)), image).content == b"reply 1"


def test_index_is_read_only_once(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(100):
        recording.add(f"https://i.test/{i}.png", b"%d" % i)
    reopened = open_recording(recording.path)
    num_reads = 0

    def count_reads() -> Iterator[Reply]:
        nonlocal num_reads
        num_reads += 1
        return recording.replies()

    monkeypatch.setattr(reopened, "replies", count_reads)
    transport = RecordingTransport(reopened)
    for i in range(100):
        assert send(transport, f"https://i.test/{i}.png", image=True).content == b"%d" % i
    assert num_reads == 1


def test_order_of_query_parameters_distinguishes_image_urls(recording: Recording) -> None:
    transport = RecordingTransport(recording, Network(200, 200).transport)
    urls = ["https://i.test/x?a=1&a=2", "https://i.test/x?a=2&a=1"]
    assert [send(transport, url, image=True).content for url in urls] == [b"reply 1", b"reply 2"]
    replay = RecordingTransport(open_recording(recording.path))
    assert [send(replay, url, image=True).content for url in urls] == [b"reply 1", b"reply 2"]


def test_damaged_parent_reply_is_requested_again(recording: Recording, tmp_path: Path) -> None:
    send(RecordingTransport(recording, Network(200).transport))
    (body,) = (recording.path / "bodies").iterdir()
    body.write_bytes(b"damaged")
    child = create_recording(tmp_path, INFO.model_copy(deep=True))
    transport = RecordingTransport(child, Network(201).transport, parent=recording)
    assert send(transport, reuse=True).status_code == 201


@pytest.mark.parametrize(("age", "num_requests"), [(23, 1), (25, 2), (-25, 2)])
def test_reply_about_the_present_is_used_for_a_day(
    recording: Recording, age: int, num_requests: int
) -> None:
    network = Network(200, 200)
    send(RecordingTransport(recording, network.transport), current=True)
    text = recording.index_path.read_text()
    (line,) = text.splitlines()
    time = (utc_now() - timedelta(hours=age)).isoformat()
    recording.index_path.write_text(json.dumps(json.loads(line) | {"time": time}) + "\n")
    resumed = open_recording(recording.path)
    reply = send(RecordingTransport(resumed, network.transport), current=True)
    assert len(network.requested) == num_requests
    assert reply.content == f"reply {num_requests}".encode()
    # A build and a replay use the newest reply, however old it is.
    for recorded in (resumed, open_recording(recording.path)):
        assert send(RecordingTransport(recorded), current=True).content == reply.content
    # Without the extension, every recorded reply is used.
    assert send(RecordingTransport(resumed, network.transport)).content == reply.content
    assert len(network.requested) == num_requests
