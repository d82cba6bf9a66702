"""Who may ask: names in the Host header, and pages that act in a visitor's name."""

import socket
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from core.settings import Settings
from tabs.ui.web.hosts import HostGuard, HostNames
from tests.security.conftest import Serve

OURS = "http://127.0.0.1:7860"
FOREIGN = ("http://evil.example", "http://evil.example:7860", "https://127.0.0.1.evil.example", "null", "file://",
           "http://localhost:3000", "http://127.0.0.1:7861", "http://127.0.0.1:7860@evil.example")  # fmt: skip
EVIL = ("evil.example", "evil.example:7860", "127.0.0.1.evil.example", "localhost.evil.example", "", "[evil]", "a b",
        "127.0.0.1@evil.example", "①.example")  # fmt: skip


@pytest.mark.parametrize("host", EVIL)
def test_a_name_that_is_not_ours_is_refused(host: str) -> None:
    assert not HostNames.of_server((), loopback=True).includes(host)
    assert not HostNames.of_server((), loopback=False).includes(host)


OURS_ALWAYS = (
    "localhost",
    "LOCALHOST:7860",
    "localhost.",
    "127.0.0.1:7860",
    "127.8.9.1",
    "[::1]:80",
    "192.168.1.5:7860",
)


@pytest.mark.parametrize("host", OURS_ALWAYS)
def test_addresses_and_localhost_always_fit(host: str) -> None:
    assert HostNames.of_server((), loopback=True).includes(host)


def test_the_machines_own_name_fits_where_others_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Attic.local")
    for host in ("attic.local:7860", "attic.local"):
        assert HostNames.of_server((), loopback=False).includes(host)
        assert not HostNames.of_server((), loopback=True).includes(host)


def test_the_person_who_runs_it_names_more() -> None:
    env = {
        "OMOKAGE_ALLOWED_HOSTS": "chat.example, Talk.Example. other",
        "OMOKAGE_TRUSTED_PROXIES": "10.0.0.1 10.1.0.0/16",
    }
    read = Settings.from_env(env)
    assert read.trusted_proxies == ("10.0.0.1", "10.1.0.0/16")
    names = HostNames.of_server(read.allowed_hosts, loopback=True)
    assert all(names.includes(host) for host in ("chat.example", "talk.example:443", "OTHER"))
    assert not names.includes("evil.example")
    assert HostNames.of_server(("*",), loopback=True).includes("evil.example")
    names.add_address("https://0123.gradio.live")
    names.add_address(None)
    assert names.includes("0123.gradio.live") and not names.includes("4567.gradio.live")


def test_a_space_is_asked_as_its_proxy_says() -> None:
    env = {"SPACE_ID": "a/b", "SPACE_HOST": "a-b.hf.space,mine.example", "OMOKAGE_HOME": "x"}
    names = HostNames.of_server(Settings.from_env(env).allowed_hosts, loopback=False)
    assert names.includes("10.0.0.7:7860") and names.includes("anything.internal")
    assert names.are_one_site("https://a-b.hf.space", "anything.internal")
    assert names.are_one_site("https://mine.example", "a-b.hf.space")
    assert not names.are_one_site("https://evil.example", "a-b.hf.space")


def test_one_site_is_told_by_name_and_port() -> None:
    names = HostNames.of_server(("chat.example",), loopback=True)
    assert names.are_one_site(OURS, "127.0.0.1:7860")
    assert names.are_one_site("http://[::1]:7860", "[::1]:7860")
    assert names.are_one_site("https://192.168.1.5", "192.168.1.5:443")
    assert names.are_one_site("https://chat.example", "127.0.0.1:7860"), "a proxy that writes its own Host"
    for origin in FOREIGN:
        assert not names.are_one_site(origin, "127.0.0.1:7860"), origin


def test_a_page_under_a_foreign_name_gets_nothing(serve: Serve) -> None:
    client = serve("http://evil.example:7860")
    for path in ("/", "/config", "/gradio_api/info", "/assets/x.js", "/gradio_api/queue/data?session_hash=x"):
        answer = client.get(path)
        assert answer.status_code == 403 and "OMOKAGE_ALLOWED_HOSTS=evil.example" in answer.text, path
    assert "登録のない名前" in client.get("/", headers={"accept-language": "ja"}).text
    assert serve("http://evil.example:7860", allowed_hosts=("evil.example",)).get("/config").status_code == 200


def test_no_route_that_changes_something_obeys_another_page(serve: Serve) -> None:
    """Each route of the app, Gradio's own among them, refuses before it looks at what was sent."""
    client = serve()
    changing = [(path, method) for path, method in routes_of(client.app) if method not in ("GET", "HEAD", "OPTIONS")]
    paths = {path for path, _ in changing}
    assert {"/gradio_api/upload", "/gradio_api/queue/join", "/login", "/omokage/changes"} <= paths
    for path, method in changing:
        filled = path.replace("{", "").replace("}", "")
        for headers in (*({"origin": origin} for origin in FOREIGN), {"sec-fetch-site": "cross-site"},
                        {"sec-fetch-site": "same-site"}):  # fmt: skip
            assert client.request(method, filled, headers=headers).status_code == 403, (method, path, headers)
        for headers in ({"origin": OURS}, {"sec-fetch-site": "same-origin"}, {}):
            answer = client.request(method, filled, headers=headers)
            assert "another page" not in answer.text, (method, path, headers)


def test_another_page_reads_nothing_either(serve: Serve) -> None:
    """Gradio's own rules would let any site read, with the visitor's cookies, what is not on localhost."""
    client = serve("https://chat.example", public=True, allowed_hosts=("chat.example",))
    for path in ("/config", "/gradio_api/token", "/gradio_api/user"):
        assert client.get(path, headers={"origin": "https://evil.example"}).status_code == 403
        assert client.get(path, headers={"origin": "https://chat.example"}).status_code == 200


def test_a_foreign_socket_is_closed() -> None:
    client = TestClient(HostGuard(Starlette(), HostNames()), base_url="http://evil.example")
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/"):
        pass


def routes_of(served: Any) -> list[tuple[str, str]]:
    """(path, method) of every route, those of routers within included."""
    found = []
    for route in served.routes:
        if hasattr(route, "methods"):
            found += [(route.path, method) for method in route.methods or ()]
        elif hasattr(route, "original_router"):
            found += routes_of(route.original_router)
    return found
