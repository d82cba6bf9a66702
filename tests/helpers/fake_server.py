"""A server of OpenAI's kind for tests, spoken to by the real client; it can be told to refuse, think and count."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FakeServer(ThreadingHTTPServer):
    """Answers like a server of OpenAI's kind; notes what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[dict] = []
        self.keys: list[str] = []
        self.fail: list[int] = []
        self.refused: tuple[str, ...] = ()
        self.words = ["Hel", "lo ", "there"]
        self.listed: list[dict] = [{"id": "big", "max_model_len": 2048}, {"id": "hanako-lora"}]
        self.hold = threading.Event()
        self.elsewhere: tuple[int, str] | None = None
        self.visits = 0
        self.rule: Callable[[dict], dict | None] = lambda _: None
        """What is wrong with a request, as the error it is answered with."""
        self.error: dict | None = None
        """The whole body of every answer, with `status`."""
        self.status = 400
        self.deltas: list[dict] | None = None
        """Of the stream, in place of `words`."""
        self.ended = "stop"
        self.usage: dict | None = None
        self.places: dict[str, dict] = {}
        """What is found at other paths."""

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves in the middle of an answer is no error: its traceback would land in another test."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    @property
    def api(self) -> FakeServer:
        assert isinstance(self.server, FakeServer)
        return self.server

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _send(self, code: int, value: dict) -> None:
        data = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _sent_on(self) -> bool:
        self.api.visits += 1
        if self.api.elsewhere is None:
            return False
        self.send_response(self.api.elsewhere[0])
        self.send_header("Location", self.api.elsewhere[1])
        self.send_header("Content-Length", "0")
        self.end_headers()
        return True

    def do_GET(self) -> None:
        if self._sent_on():
            return
        if self.path in self.api.places:
            return self._send(200, self.api.places[self.path])
        if self.path != "/v1/models":
            return self._send(404, {})
        entries = [{"object": "model", "created": 0, "owned_by": "me"} | one for one in self.api.listed]
        self._send(200, {"object": "list", "data": entries})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._sent_on():
            return
        if not self.path.endswith("/chat/completions"):
            return self._send(200 if self.path in self.api.places else 404, self.api.places.get(self.path, {}))
        self.api.asked.append(body)
        self.api.keys.append(self.headers["Authorization"])
        if self.api.fail:
            code = self.api.fail.pop(0)
            self._send(code, {"error": {"message": f"said {code}"}})
        elif self.api.error:
            self._send(self.api.status, self.api.error)
        elif error := self.api.rule(body):
            self._send(self.api.status, {"error": error})
        elif any(name in body for name in self.api.refused):
            self._send(422, {"error": {"message": "unexpected field"}})
        elif body.get("stream"):
            self._stream()
        else:
            message = {"role": "assistant", "content": "Hi"}
            self._send(200, {"id": "1", "object": "chat.completion", "created": 0, "model": body["model"],
                             "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})  # fmt: skip

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        deltas = self.api.deltas or [{"content": word} for word in self.api.words]
        chunks = [(delta, None) for delta in deltas] + [({}, self.api.ended)]
        for delta, reason in chunks:
            value = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m",
                     "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}  # fmt: skip
            self.wfile.write(f"data: {json.dumps(value)}\n\n".encode())
            self.wfile.flush()
            self.api.hold.wait(0.01)
        if self.api.usage:
            last = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [],
                    "usage": self.api.usage}  # fmt: skip
            self.wfile.write(f"data: {json.dumps(last)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")


def serve(server: FakeServer) -> None:
    """Answer from a thread until `shutdown`."""
    threading.Thread(target=server.serve_forever, daemon=True).start()
