"""A share link that is opened from the page: who opens it, what its first request meets, what is left at its end."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import app
from core.errors import HubError, InputError, NotAllowedError
from core.settings import Settings
from tabs.connect.share import ShareHandlers, qr_code
from tabs.ui.services import Services, make_services
from tabs.ui.share_link import LETTERS, OpenTunnel, new_password
from tabs.ui.web.hosts import HostNames
from tabs.ui.web.share_door import COOKIE, ROUTE, is_at_machine
from tests.helpers.tab_tiny import KEY

FAR = "https://0123.gradio.live"
PASSWORD = "a-long-password"
HERE = {"host": "127.0.0.1:7860", "accept-language": "en"}


@pytest.fixture
def services(home: Path) -> Iterator[Services]:
    made = make_services(Settings(home=home))
    made.share.offer(HostNames.of_server((), loopback=True), "127.0.0.1", 7860)
    made.share.tunnel = lambda host, port: OpenTunnel(FAR, lambda: None)
    yield made
    made.close()


@pytest.fixture
def come(services: Services) -> Callable[..., TestClient]:
    """A client of a page behind the app's guards, as it comes through the tunnel or not."""
    assert services.share.names

    async def said(request: object) -> PlainTextResponse:
        return PlainTextResponse("the page")

    routes = [Route(path, said, methods=["GET", "POST"]) for path in ("/", "/line/x", "/gradio_api/queue/join")]
    served = Starlette(routes=routes, middleware=app.protections(services, services.share.names))

    def client(url: str = FAR, **headers: str) -> TestClient:
        far = {"x-forwarded-for": "203.0.113.9"} if url == FAR else {}
        return TestClient(served, url, headers=far | headers, client=("127.0.0.1", 5))

    return client


def asked(headers: dict[str, str], client: str = "127.0.0.1") -> gr.Request:
    return gr.Request(headers=headers, client=SimpleNamespace(host=client))


@pytest.mark.parametrize(("headers", "client"), [
    ({"host": "0123.gradio.live"}, "127.0.0.1"), ({"host": "127.0.0.1", "x-forwarded-for": "1.2.3.4"}, "127.0.0.1"),
    ({"host": "localhost"}, "192.168.1.9"), ({}, "127.0.0.1"), ({"host": "localhost"}, ""),
    ({"host": "localhost", "forwarded": "for=1.2.3.4"}, "::1"), ({"host": "192.168.1.5:7860"}, "127.0.0.1"),
])  # fmt: skip
def test_who_is_not_at_the_machine(headers: dict[str, str], client: str) -> None:
    assert not is_at_machine(headers, client)
    for host in ("localhost:7860", "127.0.0.1:7860", "[::1]:7860"):
        assert is_at_machine({"host": host}, "127.0.0.1") and is_at_machine({"host": host}, "::1")


def test_the_first_request_meets_the_password(services: Services, come: Callable[..., TestClient]) -> None:
    """Asked in the moment in which the tunnel opens, before its address is known, and from then on."""
    found: list[int] = []

    def tunnel(host: str, port: int) -> OpenTunnel:
        found.append(come().get("/").status_code)
        assert services.public and services.models.locked and not services.models.local_folders
        assert services.chat.remotes.public and services.workspace.limits.disk_mb and services.uploads.each == 60
        return OpenTunnel(FAR, lambda: None)

    services.share.tunnel = tunnel
    assert come().get("/").status_code == 403
    services.share.begin(PASSWORD, 1, 0)
    assert found == [403]  # a name that the server does not know yet
    first = come().get("/")
    assert first.status_code == 401 and "the page" not in first.text and first.headers["x-robots-tag"] == "noindex"
    assert come().post("/gradio_api/queue/join").status_code == 401
    assert come("http://127.0.0.1:7860").get("/").text == "the page"
    assert come("http://127.0.0.1:7860", **{"x-forwarded-for": "1.2.3.4"}).get("/").status_code == 401
    assert come().post("/line/x").text == "the page"


def test_the_password_lets_in_so_many_for_so_long(services: Services, come: Callable[..., TestClient]) -> None:
    services.share.begin(PASSWORD, 1, 1)
    ann, ben = come(), come(**{"accept-language": "ja"})
    assert ann.post(ROUTE, data={"password": "wrong-password"}).status_code == 403
    given = ann.post(ROUTE, data={"password": PASSWORD}, follow_redirects=False)
    assert given.status_code == 303 and given.headers["location"] == "/"
    assert all(word in given.headers["set-cookie"] for word in ("HttpOnly", "Secure", "SameSite=lax"))
    assert ann.get("/").text == "the page"
    full = ben.post(ROUTE, data={"password": PASSWORD})
    assert full.status_code == 403 and "定員" in full.text
    assert come().get("/", headers={"cookie": f"{COOKIE}=forged"}).status_code == 401
    assert ben.post(ROUTE, content=b"password=" + b"x" * 5_000).status_code == 413
    services.share.door.ends = 0.0
    assert ann.get("/").status_code == 401


def test_when_it_ends_nobody_is_inside_and_the_machine_is_one_s_own(
    services: Services, come: Callable[..., TestClient]
) -> None:
    ended: list[bool] = []
    services.share.tunnel = lambda host, port: OpenTunnel(FAR, lambda: ended.append(True))
    before = services.workspace.limits
    services.share.begin(PASSWORD, 1, 0)
    assert services.workspace.limits.expire_days == before.expire_days == 0  # a link of some hours forgets nobody
    ann = come()
    ann.post(ROUTE, data={"password": PASSWORD})
    services.share.end()
    services.share.end()
    assert ended == [True] and ann.get("/").status_code == 403
    assert not services.public and services.workspace.limits == before and services.models.local_folders
    assert (services.share.address, services.share.password, services.share.can_end) == ("", "", False)
    services.share.begin(PASSWORD, 1, 0)
    assert ann.get("/").status_code == 401


def test_no_tunnel_leaves_everything_as_it_was(services: Services) -> None:
    def broken(host: str, port: int) -> OpenTunnel:
        raise RuntimeError("Could not get share link from Gradio API Server.")

    services.share.tunnel = broken
    with pytest.raises(HubError, match="API Server"):
        services.share.begin(PASSWORD, 1, 0)
    assert not services.public and not services.share.door.is_open and services.share.address == ""


@pytest.mark.parametrize("wrong", [("short", 1, 0), (PASSWORD, 0, 0), (PASSWORD, 1000, 0), (PASSWORD, 1, -1),
                                   ("x" * 101, 1, 0), (PASSWORD, float("nan"), 0)])  # fmt: skip
def test_what_cannot_be_is_said(services: Services, wrong: tuple) -> None:
    with pytest.raises(InputError):
        services.share.begin(*wrong)
    assert not services.public


def test_only_the_person_at_the_machine_opens_and_closes_it(services: Services) -> None:
    handlers = ShareHandlers(services)
    visitors = ({"host": "0123.gradio.live"}, HERE | {"x-forwarded-for": "1.2.3.4"})
    for headers in visitors:
        with pytest.raises(gr.Error, match="Only the person"):
            handlers.begin(KEY, PASSWORD, "1", 0, asked(headers | {"accept-language": "en"}))
    state, form, proposed, begin, close = handlers.look(KEY, asked(HERE))
    assert "Not open" in state and form.visible and begin.visible and not close.visible
    assert len(proposed.value) == 10 and set(proposed.value) <= set(LETTERS)
    state, form, _, begin, close = handlers.begin(KEY, PASSWORD, "8", 4, asked(HERE))
    assert FAR in state and PASSWORD in state and "0 of 4" in state and "<svg" in state
    assert not form.visible and not begin.visible and close.visible
    for headers in visitors:
        state, form, proposed, begin, close = handlers.look(KEY, asked(headers))
        assert PASSWORD not in state and not form.visible and not close.visible and not proposed.value
        with pytest.raises(gr.Error):
            handlers.close(KEY, asked(headers))
    with pytest.raises(gr.Error, match="open already"):
        handlers.begin(KEY, PASSWORD, "8", 4, asked(HERE))
    state, *_ = handlers.close(KEY, asked(HERE))
    assert "Not open" in state and not services.public


def test_a_server_for_others_offers_no_link(home: Path) -> None:
    made = make_services(Settings(home=home), public=True)
    try:
        with pytest.raises(NotAllowedError):
            made.share.begin(PASSWORD, 1, 0)
        assert made.public
    finally:
        made.close()


def test_the_code_can_be_read_by_a_phone(services: Services) -> None:
    drawn = qr_code(FAR, 'QR "code"')
    assert re.search(r'<svg[^>]* viewBox="0 0 \d+ \d+"', drawn) and "script" not in drawn and "&quot;" in drawn
    assert len({new_password() for _ in range(50)}) == 50
