"""A stand-in for VOICEVOX: `/speakers`, `/audio_query` and `/synthesis` as the engine's API describes them."""

import json
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

RATE = 24_000
SPEAKERS = [
    {
        "name": "四国めたん",
        "speaker_uuid": "a",
        "version": "1",
        "styles": [{"name": "ノーマル", "id": 2, "type": "talk"}],
    },
    {"name": "歌う人", "speaker_uuid": "b", "version": "1", "styles": [{"name": "歌", "id": 6000, "type": "sing"}]},
    {"name": "ずんだもん", "speaker_uuid": "c", "version": "1", "styles": [{"name": "ノーマル", "id": 3}]},
]


class FakeVoicevox(ThreadingHTTPServer):
    """Notes what it was asked to say."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[dict] = []
        """The queries of `/synthesis`, with `text` and `speaker`."""
        self.status = 200
        self.elsewhere = ""
        self.sound = wav(0.2)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves is no error."""


class _Handler(BaseHTTPRequestHandler):
    @property
    def engine(self) -> FakeVoicevox:
        assert isinstance(self.server, FakeVoicevox)
        return self.server

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _send(self, data: bytes, kind: str = "application/json") -> None:
        self.send_response(302 if self.engine.elsewhere else self.engine.status)
        if self.engine.elsewhere:
            self.send_header("Location", self.engine.elsewhere)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        self._send(json.dumps(SPEAKERS).encode())

    def do_POST(self) -> None:
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if parts.path == "/audio_query":
            query = {"accent_phrases": [], "speedScale": 1.0, "pitchScale": 0.0, "kana": asked["text"]}
            return self._send(json.dumps(query).encode())
        query = json.loads(body)
        self.engine.asked.append(query | {"text": query["kana"], "speaker": asked["speaker"]})
        self._send(self.engine.sound, "audio/wav")


def wav(seconds: float) -> bytes:
    """Silence."""
    data = bytes(2 * int(RATE * seconds))
    form = struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    return (
        b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + form + b"data" + struct.pack("<I", len(data)) + data
    )


@contextmanager
def fake_voicevox() -> Iterator[FakeVoicevox]:
    server = FakeVoicevox()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
