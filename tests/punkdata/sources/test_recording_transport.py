from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from punkdata.errors import DataError, NotRecordedError
from punkdata.sources.recording import Recording, create_recording, open_recording
from punkdata.sources.recording_info import RecordingInfo
from punkdata.sources.recording_transport import RecordingTransport

URL = "https://api.test/api/v2/nfts?limit=200&a=1"
INFO = RecordingInfo(source="test", collection="c", base_url="https://api.test")


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return create_recording(tmp_path, INFO.model_copy(deep=True))


class Network:
    """Answers with what it is told, and remembers what it was asked."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.asked: list[str] = []
        self.transport = httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        body = f"reply {len(self.asked)}".encode()
        headers = {"x-ratelimit-limit": "9", "set-cookie": "me=1", "x-account": "me"}
        return httpx.Response(self.statuses.pop(0), content=body, headers=headers)


def send(
    tape: RecordingTransport, url: str = URL, method: str = "GET", body: bytes = b"", **more: object
) -> httpx.Response:
    return tape.handle_request(httpx.Request(method, url, content=body, extensions=more))


def test_what_was_answered_is_not_asked_again_even_by_the_next_process(
    recording: Recording,
) -> None:
    network = Network(200)
    assert send(RecordingTransport(recording, network.transport)).content == b"reply 1"
    again = RecordingTransport(open_recording(recording.path), network.transport)
    # The order in the query makes no difference.
    assert send(again, "https://api.test/api/v2/nfts?a=1&limit=200").content == b"reply 1"
    assert len(network.asked) == 1


def test_requests_differ_by_method_and_body(recording: Recording) -> None:
    network = Network(200, 200, 200)
    tape = RecordingTransport(recording, network.transport)
    bodies = [send(tape, URL, "POST", b"1"), send(tape, URL, "POST", b"2"), send(tape, URL)]
    assert [r.content for r in bodies] == [b"reply 1", b"reply 2", b"reply 3"]
    assert send(tape, URL, "POST", b"2").content == b"reply 2"


def test_errors_are_noted_without_body_and_asked_again(recording: Recording) -> None:
    network = Network(429, 503, 400, 200)
    tape = RecordingTransport(recording, network.transport)
    assert [send(tape).status_code for _ in range(5)] == [429, 503, 400, 200, 200]
    lines = recording.index_path.read_text().splitlines()
    assert len(lines) == 4
    assert "reply 1" not in lines[0]
    assert len(list((recording.path / "bodies").iterdir())) == 1


def test_a_404_is_final_only_for_what_may_be_gone(recording: Recording) -> None:
    network = Network(404, 404, 200)
    tape = RecordingTransport(recording, network.transport)
    image = "https://i.test/1.png"
    assert [send(tape, image, not_found_is_final=True).status_code for _ in range(2)] == [404, 404]
    assert len(network.asked) == 1
    assert [send(tape).status_code for _ in range(2)] == [404, 200]


def test_only_harmless_headers_are_kept(recording: Recording) -> None:
    send(RecordingTransport(recording, Network(200).transport))
    text = recording.index_path.read_text()
    assert "x-ratelimit-limit" in text
    assert "cookie" not in text
    assert "account" not in text


def test_json_is_stored_compressed_and_images_as_they_are(recording: Recording) -> None:
    tape = RecordingTransport(recording, Network(200, 200).transport)
    send(tape)
    send(tape, "https://i.test/1.png", image=True)
    names = sorted(path.suffix for path in (recording.path / "bodies").iterdir())
    assert names == ["", ".gz"]


def test_a_replay_answers_from_the_recording_alone(recording: Recording) -> None:
    send(RecordingTransport(recording, Network(200).transport))
    replay = RecordingTransport(open_recording(recording.path))
    response = send(replay)
    assert response.content == b"reply 1"
    assert response.extensions["body_sha256"]
    with pytest.raises(NotRecordedError, match="no reply to GET https://api.test/other"):
        send(replay, "https://api.test/other")


def test_a_replay_repeats_a_refusal(recording: Recording) -> None:
    send(RecordingTransport(recording, Network(400).transport))
    assert send(RecordingTransport(open_recording(recording.path))).status_code == 400


def test_a_new_pass_forgets_the_pages_before_and_is_gone_on_with(recording: Recording) -> None:
    network = Network(*[200] * 5)
    tape = RecordingTransport(recording, network.transport)
    second = f"{URL}&next=abc%3D"
    assert [send(tape).content, send(tape, second).content] == [b"reply 1", b"reply 2"]
    assert send(tape, restart=True).content == b"reply 3"
    # After a crash, the newest pass is the one that counts.
    later = RecordingTransport(open_recording(recording.path), network.transport)
    assert [send(later).content, send(later, second).content] == [b"reply 3", b"reply 4"]
    replay = RecordingTransport(open_recording(recording.path))
    assert [send(replay).content, send(replay, second).content] == [b"reply 3", b"reply 4"]


def test_a_parent_s_answer_is_taken_over_only_where_that_is_allowed(
    recording: Recording, tmp_path: Path
) -> None:
    image = "https://i.test/1.png"
    first = RecordingTransport(recording, Network(200, 200, 404).transport)
    send(first, image, image=True)
    send(first)
    send(first, "https://i.test/2.png", image=True)
    child = create_recording(tmp_path, INFO.model_copy(deep=True))
    network = Network(201, 202)
    tape = RecordingTransport(child, network.transport, parent=recording)
    assert send(tape, image, image=True, reuse=True).content == b"reply 1"
    assert network.asked == []
    assert send(tape).status_code == 201
    assert send(tape, "https://i.test/2.png", image=True, reuse=True).status_code == 202
    # The child has all it needs in itself.
    for path in (recording.path / "bodies").iterdir():
        path.unlink()
    assert send(RecordingTransport(open_recording(child.path)), image).content == b"reply 1"


def test_a_body_that_changed_is_refused_and_not_passed_on(recording: Recording) -> None:
    send(RecordingTransport(recording, Network(200).transport))
    (path,) = (recording.path / "bodies").iterdir()
    for spoiled in (b"", path.read_bytes()[:-5], b"\x1f\x8b" + b"0" * 30):
        path.write_bytes(spoiled)
        with pytest.raises(DataError, match="has changed since it was recorded"):
            send(RecordingTransport(open_recording(recording.path)))


def test_ten_thousand_replays_read_each_index_line_once(recording: Recording) -> None:
    for i in range(1000):
        recording.add(f"https://i.test/{i}.png", b"%d" % i)
    tape = RecordingTransport(open_recording(recording.path))

    def seconds(n: int) -> float:
        began = time.perf_counter()
        for i in range(n):
            send(tape, f"https://i.test/{i}.png", image=True)
        return time.perf_counter() - began

    seconds(100)  # the index is read
    # Linear, not quadratic: ten times as many take about ten times as long.
    assert seconds(1000) < 40 * min(seconds(100) for _ in range(3))


def test_images_whose_addresses_differ_in_order_alone_are_two(recording: Recording) -> None:
    tape = RecordingTransport(recording, Network(200, 200).transport)
    urls = ["https://i.test/x?a=1&a=2", "https://i.test/x?a=2&a=1"]
    assert [send(tape, url, image=True).content for url in urls] == [b"reply 1", b"reply 2"]
    replay = RecordingTransport(open_recording(recording.path))
    assert [send(replay, url, image=True).content for url in urls] == [b"reply 1", b"reply 2"]


def test_a_spoiled_answer_of_the_parent_is_asked_for_again(
    recording: Recording, tmp_path: Path
) -> None:
    send(RecordingTransport(recording, Network(200).transport))
    (body,) = (recording.path / "bodies").iterdir()
    body.write_bytes(b"spoiled")
    child = create_recording(tmp_path, INFO.model_copy(deep=True))
    tape = RecordingTransport(child, Network(201).transport, parent=recording)
    assert send(tape, reuse=True).status_code == 201
