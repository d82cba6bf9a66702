"""Sign-in with Hugging Face: whose things a token opens, and for how long. The provider is a stand-in."""

import time
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from core import owners
from core.errors import NotAllowedError
from core.owners import Owners, new_key
from tabs.ui import heartbeat, services
from tests.security.conftest import ROOT, Serve

ALICE, BOB = "hf_of_alice", "hf_of_bob"
SignIn = Callable[..., TestClient]


class Provider:
    """Knows tokens, until they are revoked; notes which it was asked about."""

    def __init__(self) -> None:
        self.names = {ALICE: "alice", BOB: "bob"}
        self.asked: list[str] = []

    def whoami(self, token: str) -> str:
        self.asked.append(token)
        if token not in self.names:
            raise NotAllowedError("The Hub does not accept this token.", "このトークンは使えません。")
        return self.names[token]


class Session:
    """What Gradio's sign-in leaves: the session that a signed cookie carries."""

    def __init__(self, app: ASGIApp, info: dict | None) -> None:
        self.app, self.info = app, info

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"] = {"oauth_info": self.info} if self.info else {}
        await self.app(scope, receive, send)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Provider:
    made = Provider()
    monkeypatch.setattr(services, "whoami", lambda *, token: made.whoami(token))
    return made


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
    """(owner, token) of every visitor that a handler was given."""
    found, resolve = [], Owners.resolve_owner

    def noting(self: Owners, *, login: str | None, token: str | None, key: str | None) -> str:
        owner = resolve(self, login=login, token=token, key=key)
        found.append((owner, token))
        return owner

    monkeypatch.setattr(Owners, "resolve_owner", noting)
    return found


@pytest.fixture
def sign_in(serve: Serve, provider: Provider) -> SignIn:
    """`sign_in(ALICE)`: a browser whose session holds that token; `until` is when it expires."""
    space = serve(public=True, on_space=True, allowed_hosts=("*",)).app

    def client(token: str | None, until: float | None = None) -> TestClient:
        until = time.time() + 3600 if until is None else until
        info = {"access_token": token, "scope": "openid profile", "expires_at": until, "userinfo": {}}
        return TestClient(Session(space, info if token else None), base_url="https://a-b.hf.space")

    return client


def beat(client: TestClient, key: str = "") -> int:
    return client.post(heartbeat.ROUTE, headers={"x-omokage-key": key}).status_code


def run_handler(client: TestClient, key: str, **more: object) -> int:
    """Any handler that is called at once: the model card's."""
    config = client.get("/config").json()
    keys = {c["id"] for c in config["components"] if c["type"] == "browserstate"}
    asked = next(d for d in config["dependencies"] if not d["queue"] and d["api_name"] == "refresh")
    data = [key if i in keys else None for i in asked["inputs"]]
    body = {"data": data, "fn_index": asked["id"], "session_hash": "s", **more}
    return client.post("/gradio_api/run/predict", json=body).status_code


def test_each_token_opens_its_own_things(sign_in: SignIn, seen: list) -> None:
    key = new_key()  # one browser that both use
    for token in (ALICE, BOB, None):
        assert beat(sign_in(token), key) == 200
        run_handler(sign_in(token), key)
    found = {token: {owner for owner, given in seen if given == token} for token in (ALICE, BOB, None)}
    assert all(len(each) == 1 for each in found.values()), found
    assert len(set.union(*found.values())) == 3
    assert [next(iter(found[t])).split("-")[0] for t in (ALICE, BOB, None)] == ["hf", "hf", "key"]


def test_a_token_that_has_expired_counts_no_more(sign_in: SignIn, seen: list, provider: Provider) -> None:
    old = sign_in(ALICE, until=time.time() - 1)
    beat(old, new_key())
    run_handler(old, new_key())
    assert len(seen) == 2 and all(owner.startswith("key-") and token is None for owner, token in seen)
    assert provider.asked == []


def test_a_token_that_was_revoked_opens_nothing(
    sign_in: SignIn, seen: list, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.names["hf_of_carol"] = "carol"
    carol = sign_in("hf_of_carol")
    assert beat(carol, new_key()) == 200 and len(seen) == 1
    provider.names.pop("hf_of_carol")
    later = time.monotonic() + owners.WHOAMI_SECONDS
    monkeypatch.setattr(owners.time, "monotonic", lambda: later)
    assert beat(carol, new_key()) == 403
    assert run_handler(carol, new_key()) == 500
    assert len(seen) == 1


def test_a_token_that_is_sent_along_is_its_senders(sign_in: SignIn, seen: list, provider: Provider) -> None:
    """Gradio takes one from the request's body. It opens what is its own, and not what the session's does."""
    run_handler(sign_in(ALICE), new_key(), oauth_token=BOB)
    assert seen[-1][1] == ALICE
    run_handler(sign_in(None), new_key(), oauth_token="forged")
    assert seen[-1][1] in (ALICE, None) and not seen[-1][0].startswith("hf-forged")


def test_the_space_asks_for_no_more_than_it_uses() -> None:
    """contribute-repos makes repositories and reaches those that this app made: no other of a person's."""
    header = (ROOT / "README.md").read_text(encoding="utf-8").split("---")[1]
    scopes = [line.strip(" -") for line in header.split("hf_oauth_scopes:")[1].splitlines()[1:] if line[:4] == "  - "]
    assert scopes == ["contribute-repos"]
