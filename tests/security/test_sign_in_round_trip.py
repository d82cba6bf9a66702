"""Sign-in with Hugging Face from end to end: Gradio's own routes, a Space's environment, a stand-in for the Hub."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.cookies import SimpleCookie

import httpx
import pytest

from core.owners import new_key
from tabs.ui import heartbeat
from tests.helpers.served import Server
from tests.helpers.sign_in_provider import CLIENT, SECRET, SignInProvider

pytestmark = pytest.mark.slow
HOST = "somebody-omokage.hf.space"
SCOPES = "openid profile contribute-repos"


@pytest.fixture(scope="module")
def provider() -> Iterator[SignInProvider]:
    with SignInProvider() as made:
        yield made


@pytest.fixture(scope="module")
def space(provider: SignInProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    told = {
        "SYSTEM": "spaces", "SPACE_ID": "somebody/omokage", "SPACE_HOST": HOST, "OAUTH_CLIENT_ID": CLIENT,
        "OAUTH_CLIENT_SECRET": SECRET, "OAUTH_SCOPES": SCOPES, "OPENID_PROVIDER_URL": provider.url,
        "HF_ENDPOINT": provider.url, "HF_HUB_OFFLINE": "0",
    }  # fmt: skip
    server = Server(tmp_path_factory.mktemp("space") / "home", told).start()
    yield server
    server.close()


@dataclass
class Browser:
    """A browser at the Space's address. It keeps the cookie as one does that came by https."""

    server: Server
    key: str = field(default_factory=new_key)
    session: str = ""

    def get(self, path: str, **query: str) -> httpx.Response:
        answer = httpx.get(self.server.url[:-1] + path, params=query or None, headers=self._headers(), timeout=60)
        for header in answer.headers.get_list("set-cookie"):
            cookie = SimpleCookie(header)
            if "session" in cookie:
                assert cookie["session"]["secure"] and cookie["session"]["httponly"]
                self.session = cookie["session"].value
        return answer

    def owner(self) -> str:
        """Whose things the page opens: the folder that a card lands in which is opened there."""
        name = f"card{new_key()[:8].lower()}".replace("_", "x").replace("-", "x")
        config = self.get("/config").json()
        asked = next(one for one in config["dependencies"] if one["api_name"] == "open_card")
        file = {"files": (f"{name}.json", json.dumps({"data": {"name": name}}))}
        route = self.server.url + "gradio_api/"
        [path] = httpx.post(route + "upload", files=file, headers=self._headers(), timeout=60).json()
        given = [self.key, {"path": path, "meta": {"_type": "gradio.FileData"}}]
        body = {"data": given, "session_hash": new_key()[:9], "fn_index": asked["id"]}
        assert httpx.post(route + "queue/join", json=body, headers=self._headers(), timeout=60).status_code == 200
        query = {"session_hash": body["session_hash"]}
        with httpx.stream("GET", route + "queue/data", params=query, headers=self._headers(), timeout=60) as told:
            assert any('"process_completed"' in line for line in told.iter_lines())
        [found] = self.server.home.glob(f"owners/*/personas/{name}*.json")
        return found.parts[-3]

    def _headers(self) -> dict[str, str]:
        cookie = {"cookie": f"session={self.session}"} if self.session else {}
        return {"host": HOST, "x-omokage-key": self.key} | cookie

    def sign_in(self, provider: SignInProvider, name: str) -> httpx.Response:
        sent = self.get("/login/huggingface")
        assert sent.status_code in (302, 307)
        return self.get("/login/callback", **provider.approve(sent.headers["location"], name))

    def beat(self) -> int:
        headers = self._headers()
        return httpx.post(self.server.url[:-1] + heartbeat.ROUTE, headers=headers, timeout=60).status_code


def test_each_who_signs_in_has_their_own_and_signing_out_closes_it(space: Server, provider: SignInProvider) -> None:
    alice, bob = Browser(space), Browser(space)
    bob.key = alice.key  # the same browser's key: the account stands above it
    for browser, name in ((alice, "alice"), (bob, "bob")):
        back = browser.sign_in(provider, name)
        assert back.status_code in (302, 307) and back.headers["location"] == "/" and browser.beat() == 200
    owners = [browser.owner() for browser in (alice, bob, alice)]
    assert owners[0] == owners[2] != owners[1] and all(owner.startswith("hf-") for owner in owners)
    assert set(provider.asked) == set(provider.tokens) and len(provider.tokens) == 2
    asked = len(provider.asked)
    alice.get("/logout")
    assert alice.owner().startswith("key-") and len(provider.asked) == asked
    assert bob.owner() == owners[1], "another's sign-out is not his"


def test_a_token_that_was_revoked_opens_nothing(space: Server, provider: SignInProvider) -> None:
    """Before its first use; one that was used counts for two minutes, as `test_sign_in` holds."""
    browser = Browser(space)
    browser.sign_in(provider, "eve")
    del provider.tokens[next(token for token, name in provider.tokens.items() if name == "eve")]
    assert browser.beat() == 403


def test_a_callback_that_was_not_asked_for_signs_nobody_in(space: Server, provider: SignInProvider) -> None:
    """A forged state, another browser's, and one that was used: a link that signs somebody in as its author."""
    mallory, victim = Browser(space), Browser(space)
    given = provider.approve(mallory.get("/login/huggingface").headers["location"], "mallory")
    victim.get("/login/huggingface")
    known = set(provider.tokens)
    for asked in (given, given | {"state": "x" * 30}, {"code": "none", "state": given["state"]}):
        again = victim.get("/login/callback", **asked)
        assert "/login/huggingface" in again.headers["location"]
    assert set(provider.tokens) == known, "the code was not even spent"
    assert victim.beat() == 200 and "mallory" not in " ".join(provider.asked)
    assert mallory.get("/login/callback", **given).status_code in (302, 307)
    assert "/login/huggingface" in mallory.get("/login/callback", **given).headers["location"]


def test_after_signing_in_one_is_sent_nowhere_else(space: Server, provider: SignInProvider) -> None:
    for target in ("https://outside.example/", "//outside.example/", "////outside.example", "/\\outside.example"):
        browser = Browser(space)
        sent = browser.get("/login/huggingface", _target_url=target)
        back = browser.get("/login/callback", **provider.approve(sent.headers["location"], "carol"))
        assert back.headers["location"][0] == "/" and back.headers["location"][1:2] not in ("/", "\\")


def test_no_more_is_asked_for_than_the_space_was_given(space: Server, provider: SignInProvider) -> None:
    from urllib.parse import parse_qs, urlsplit

    sent = parse_qs(urlsplit(Browser(space).get("/login/huggingface").headers["location"]).query)
    assert sent["scope"] == [SCOPES] and sent["redirect_uri"][0].startswith(f"https://{HOST}/login/callback")


def test_a_token_that_has_run_out_counts_no_more(space: Server, provider: SignInProvider) -> None:
    browser, started, provider.lasting = Browser(space), time.time(), 20
    try:
        browser.sign_in(provider, "dora")
        assert browser.owner().startswith("hf-")
        time.sleep(started + 21 - time.time())
        asked = len(provider.asked)
        assert browser.owner().startswith("key-") and len(provider.asked) == asked
    finally:
        provider.lasting = 3600


def test_a_forged_cookie_is_no_cookie(space: Server, provider: SignInProvider) -> None:
    """Signed with what a server without a secret would sign it with."""
    import base64
    import hashlib

    from itsdangerous import TimestampSigner

    provider.tokens["hf_known"] = "alice"
    info = {"oauth_info": {"access_token": "hf_known", "expires_at": time.time() + 3600, "userinfo": {}}}
    data = base64.b64encode(json.dumps(info).encode())
    for secret in ("-v4", "x"):
        browser = Browser(space)
        browser.session = TimestampSigner(hashlib.sha256(secret.encode()).hexdigest()).sign(data).decode()
        asked = len(provider.asked)
        assert browser.beat() == 200 and len(provider.asked) == asked


def test_no_token_is_written_anywhere(space: Server, provider: SignInProvider) -> None:
    written = [space.log().encode()]
    written += [path.read_bytes() for path in space.home.rglob("*") if path.is_file()]
    assert provider.tokens and not [
        token for token in [*provider.tokens, SECRET] for data in written if token.encode() in data
    ]
