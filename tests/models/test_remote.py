"""Models elsewhere: chosen, asked and refused. The server is a small one of the test, spoken to by the real client."""

import threading
from collections.abc import Iterator

import pytest

from core.errors import AppError, InputError, ModelError, NotAllowedError
from core.models import remote_server
from core.models.remote import RemoteModel, RemoteModels, Server, stream
from core.models.sampling import Sampling
from tests.helpers.fake_server import FakeServer, serve

ME, OTHER = "me", "other"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    monkeypatch.setattr("openai._base_client.time.sleep", lambda _: None)  # between the client's retries
    server = FakeServer()
    serve(server)
    yield server
    server.shutdown()
    server.server_close()


def test_models_are_listed_and_chosen_by_one_visitor_alone(api: FakeServer) -> None:
    remotes, server = RemoteModels(), Server(api.url + "/", "secret")
    assert remotes.names(server) == ["big", "hanako-lora"]
    chosen = remotes.choose(ME, server, " big ")
    assert remotes.of(ME) == chosen and remotes.of(OTHER) is None
    assert (chosen.name, chosen.context, chosen.server.url) == ("big", 2048, api.url)
    assert api.keys[-1] == "Bearer secret" and "secret" not in repr(remotes)
    remotes.leave(ME)
    assert remotes.of(ME) is None


def test_a_server_is_sent_what_it_takes(api: FakeServer) -> None:
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


def test_a_reply_grows_and_can_be_stopped(api: FakeServer) -> None:
    model = RemoteModel(Server(api.url), "big")
    messages = [{"role": "system", "content": "You are."}, {"role": "user", "content": "hi"}]
    shown = list(stream(model, messages, Sampling(), [], stop=threading.Event()))
    assert [one.text for one in shown] == ["Hel", "Hello ", "Hello there", "Hello there"]
    assert [one.ended for one in shown] == ["", "", "", "stop"] and api.asked[-1]["messages"] == messages
    stop = threading.Event()
    api.words = ["x"] * 500
    growing = stream(model, messages, Sampling(), [], stop=stop)
    next(growing)
    stop.set()
    assert len(list(growing)) < 400


def test_short_troubles_are_tried_again(api: FakeServer) -> None:
    api.fail = [500, 429, 503]
    assert RemoteModels().choose(ME, Server(api.url), "big").name == "big"
    assert len(api.asked) == 4


@pytest.mark.parametrize(("codes", "words"), [
    ([401], "does not accept the key"), ([403], "does not accept the key"), ([404], "knows no"),
    ([429] * 4, "takes no more"), ([500] * 4, "answered with an error: said 500"),
])  # fmt: skip
def test_what_the_server_says_becomes_a_sentence(api: FakeServer, codes: list[int], words: str) -> None:
    api.fail = codes
    with pytest.raises(ModelError, match=words):
        RemoteModels().choose(ME, Server(api.url, "k"), "big")
    assert not api.fail


def test_no_server_and_a_slow_one(api: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_server, "RETRIES", 0)
    with pytest.raises(ModelError, match="cannot be reached"):
        RemoteModels().names(Server("http://127.0.0.1:9/v1"))
    monkeypatch.setattr(remote_server, "READ_SECONDS", 0.2)
    monkeypatch.setattr(api.hold, "wait", lambda _: threading.Event().wait(3))
    with pytest.raises(ModelError, match="in time"):
        list(stream(RemoteModel(Server(api.url), "m"), [], Sampling(), [], stop=threading.Event()))


@pytest.mark.parametrize("url", ["", "ftp://x/v1", "127.0.0.1:8000", "http://", "http://me:pw@host/v1", "file:///etc"])
def test_what_is_no_address_is_told(url: str) -> None:
    with pytest.raises(InputError, match="no server's address"):
        RemoteModels().names(Server(url))


def test_strangers_use_allowed_servers_only(api: FakeServer) -> None:
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
def test_a_redirect_is_not_followed(api: FakeServer, status: int) -> None:
    """A server that may be used would lead to one that may not: this machine's own, or a cloud's."""
    inner = FakeServer()
    serve(inner)
    api.elsewhere = (status, f"{inner.url}/models")
    allowed = RemoteModels(allowed=(api.url,), public=True)
    with pytest.raises(ModelError, match="sends on to another address"):
        allowed.names(Server(api.url))
    with pytest.raises(ModelError, match="sends on"):
        allowed.choose("someone", Server(api.url, "secret-key"), "big")
    inner.shutdown()
    inner.server_close()
    assert (inner.visits, api.visits) == (0, 2)
