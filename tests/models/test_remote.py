"""Models elsewhere: chosen, asked and refused. The server is a small one of the test, spoken to by the real client."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from core.errors import AppError, InputError, ModelError, NotAllowedError
from core.models import remote
from core.models.remote import RemoteModel, RemoteModels, Server, stream
from core.models.sampling import Sampling

ME, OTHER = "me", "other"


class Api(ThreadingHTTPServer):
    """Answers like a server of OpenAI's kind; notes what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[dict] = []
        self.keys: list[str] = []
        self.fail: list[int] = []
        self.refused: tuple[str, ...] = ()
        self.words = ["Hel", "lo ", "there"]
        self.listed: list[dict] = [{"id": "big", "max_model_len": 2048}, {"id": "hanako-lora"}]
        self.hold = threading.Event()
        self.elsewhere: tuple[int, str] | None = None
        self.visits = 0

    def handle_error(self, *_: object) -> None:
        """A client that leaves in the middle of an answer is no error: its traceback would land in another test."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Api

    def log_message(self, *_: object) -> None:
        pass

    def _send(self, code: int, value: dict) -> None:
        data = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _sent_on(self) -> bool:
        self.server.visits += 1
        if self.server.elsewhere is None:
            return False
        self.send_response(self.server.elsewhere[0])
        self.send_header("Location", self.server.elsewhere[1])
        self.send_header("Content-Length", "0")
        self.end_headers()
        return True

    def do_GET(self) -> None:
        if self._sent_on():
            return
        entries = [{"object": "model", "created": 0, "owned_by": "me"} | one for one in self.server.listed]
        self._send(200, {"object": "list", "data": entries})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._sent_on():
            return
        self.server.asked.append(body)
        self.server.keys.append(self.headers["Authorization"])
        if self.server.fail:
            code = self.server.fail.pop(0)
            self._send(code, {"error": {"message": f"said {code}"}})
        elif any(name in body for name in self.server.refused):
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
        chunks = [({"content": word}, None) for word in self.server.words] + [({}, "stop")]
        for delta, reason in chunks:
            value = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m",
                     "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}  # fmt: skip
            self.wfile.write(f"data: {json.dumps(value)}\n\n".encode())
            self.wfile.flush()
            self.server.hold.wait(0.01)
        self.wfile.write(b"data: [DONE]\n\n")


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    import openai._base_client

    monkeypatch.setattr(openai._base_client.time, "sleep", lambda _: None)  # between the client's retries
    server = Api()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def test_models_are_listed_and_chosen_by_one_visitor_alone(api: Api) -> None:
    remotes, server = RemoteModels(), Server(api.url + "/", "secret")
    assert remotes.names(server) == ["big", "hanako-lora"]
    chosen = remotes.choose(ME, server, " big ")
    assert remotes.of(ME) == chosen and remotes.of(OTHER) is None
    assert (chosen.name, chosen.context, chosen.server.url) == ("big", 2048, api.url)
    assert api.keys[-1] == "Bearer secret" and "secret" not in repr(remotes)
    remotes.leave(ME)
    assert remotes.of(ME) is None


def test_a_server_is_sent_what_it_takes(api: Api) -> None:
    api.refused = ("min_p", "top_k", "repetition_penalty")
    chosen = RemoteModels().choose(ME, Server(api.url), "big")
    assert chosen.takes == ("temperature", "top_p", "stop", "seed")
    sampling = Sampling(temperature=0.3, top_p=0.8, min_p=0.1, max_new_tokens=7)
    list(stream(chosen, [{"role": "user", "content": "x"}], sampling, ["END"], stop=threading.Event(), seed=3))
    asked = api.asked[-1]
    assert {"temperature": 0.3, "top_p": 0.8, "max_tokens": 7, "stop": ["END"], "seed": 3}.items() <= asked.items()
    assert "min_p" not in asked
    api.refused = ()
    full = RemoteModels().choose(ME, Server(api.url), "big")
    list(stream(full, [], sampling, [], stop=threading.Event()))
    assert api.asked[-1]["min_p"] == 0.1 and "seed" not in api.asked[-1]


def test_a_reply_grows_and_can_be_stopped(api: Api) -> None:
    model = RemoteModel(Server(api.url), "big")
    messages = [{"role": "system", "content": "You are."}, {"role": "user", "content": "hi"}]
    shown = list(stream(model, messages, Sampling(), [], stop=threading.Event()))
    assert [text for text, _ in shown] == ["Hel", "Hello ", "Hello there", "Hello there"]
    assert [why for _, why in shown] == ["", "", "", "stop"] and api.asked[-1]["messages"] == messages
    stop = threading.Event()
    api.words = ["x"] * 500
    growing = stream(model, messages, Sampling(), [], stop=stop)
    next(growing)
    stop.set()
    assert len(list(growing)) < 400


def test_short_troubles_are_tried_again(api: Api) -> None:
    api.fail = [500, 429, 503]
    assert RemoteModels().choose(ME, Server(api.url), "big").name == "big"
    assert len(api.asked) == 4


@pytest.mark.parametrize(("codes", "words"), [
    ([401], "does not accept the key"), ([403], "does not accept the key"), ([404], "knows no"),
    ([429] * 4, "takes no more"), ([500] * 4, "answered with an error: said 500"),
])  # fmt: skip
def test_what_the_server_says_becomes_a_sentence(api: Api, codes: list[int], words: str) -> None:
    api.fail = codes
    with pytest.raises(ModelError, match=words):
        RemoteModels().choose(ME, Server(api.url, "k"), "big")
    assert not api.fail


def test_no_server_and_a_slow_one(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "RETRIES", 0)
    with pytest.raises(ModelError, match="cannot be reached"):
        RemoteModels().names(Server("http://127.0.0.1:9/v1"))
    monkeypatch.setattr(remote, "READ_SECONDS", 0.2)
    api.hold.wait = lambda _: threading.Event().wait(3)
    with pytest.raises(ModelError, match="in time"):
        list(stream(RemoteModel(Server(api.url), "m"), [], Sampling(), [], stop=threading.Event()))


@pytest.mark.parametrize("url", ["", "ftp://x/v1", "127.0.0.1:8000", "http://", "http://me:pw@host/v1", "file:///etc"])
def test_what_is_no_address_is_told(url: str) -> None:
    with pytest.raises(InputError, match="no server's address"):
        RemoteModels().names(Server(url))


def test_strangers_use_allowed_servers_only(api: Api) -> None:
    for remotes in (RemoteModels(public=True), RemoteModels(("http://elsewhere/v1",)), RemoteModels((), public=True)):
        for reach in (remotes.names, lambda server, r=remotes: r.choose(ME, server, "big")):
            with pytest.raises(NotAllowedError):
                reach(Server(api.url))
    assert not api.asked
    allowed = RemoteModels((api.url + "/",), public=True)
    assert allowed.choose(ME, Server(api.url), "big").name == "big"
    with pytest.raises(AppError):
        allowed.choose(ME, Server(api.url), " ")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(api: Api, status: int) -> None:
    """A server that may be used would lead to one that may not: this machine's own, or a cloud's."""
    inner = Api()
    threading.Thread(target=inner.serve_forever, daemon=True).start()
    api.elsewhere = (status, f"{inner.url}/models")
    allowed = RemoteModels(allowed=(api.url,), public=True)
    with pytest.raises(ModelError, match="sends on to another address"):
        allowed.names(Server(api.url))
    with pytest.raises(ModelError, match="sends on"):
        allowed.choose("someone", Server(api.url, "secret-key"), "big")
    inner.shutdown()
    inner.server_close()
    assert (inner.visits, api.visits) == (0, 2)
