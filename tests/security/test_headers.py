"""What every answer carries, and that only the page's own scripts run."""

import re

import pytest

from tests.helpers.typed import present
from tests.security.conftest import Serve

PATHS = (
    "/",
    "/config",
    "/theme.css",
    "/robots.txt",
    "/gradio_api/info",
    "/no/such/page",
    "/gradio_api/file=/etc/passwd",
)


def directives(policy: str) -> dict[str, list[str]]:
    parts = (part.split() for part in policy.split("; "))
    return {name: sources for name, *sources in parts}


def test_every_answer_carries_them(serve: Serve) -> None:
    client = serve()
    answers = [client.get(path) for path in PATHS] + [client.post("/gradio_api/queue/join", json={})]
    assert {answer.status_code for answer in answers} >= {200, 404, 422}
    for answer in answers:
        headers = answer.headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["content-security-policy"], answer.url
        assert "x-robots-tag" not in headers


def test_a_refusal_carries_them_too(serve: Serve) -> None:
    refused = serve("http://evil.example").get("/")
    assert refused.status_code == 403 and "default-src 'self'" in refused.headers["content-security-policy"]


def test_nothing_comes_from_outside(serve: Serve) -> None:
    policy = directives(serve().get("/").headers["content-security-policy"])
    assert policy["default-src"] == ["'self'"] and policy["object-src"] == ["'none'"]
    for name, sources in policy.items():
        known = {"'self'", "'none'", "data:", "blob:", "'unsafe-inline'", "'unsafe-eval'"}
        odd = [s for s in sources if s not in known and not re.match(r"'(nonce|sha256)-[\w+/=-]+'$", s)]
        assert not odd, (name, odd)
    assert "'unsafe-inline'" not in policy["script-src"] and "data:" not in policy["script-src"]


def test_the_pages_own_scripts_are_marked_anew_each_time(serve: Serve) -> None:
    client, seen = serve(), set()
    for _ in range(3):
        answer = client.get("/")
        nonce = present(re.search(r"'nonce-([\w-]+)'", answer.headers["content-security-policy"]))[1]
        scripts = re.findall(r"<script\b[^>]*>", answer.text)
        assert len(scripts) > 3 and all(f'nonce="{nonce}"' in script for script in scripts)
        assert answer.headers["cache-control"] == "no-store"
        seen.add(nonce)
    assert len(seen) == 3
    assert "nonce-" not in client.get("/config").headers["content-security-policy"]


@pytest.mark.parametrize("method", ["get", "head"])
def test_the_page_stays_whole(serve: Serve, method: str) -> None:
    answer = getattr(serve(), method)("/", headers={"accept-encoding": "identity"})
    assert answer.status_code == 200
    if method == "get":
        assert int(answer.headers["content-length"]) == len(answer.content) and answer.text.endswith("</html>")


def test_who_may_show_the_page_in_a_frame(serve: Serve) -> None:
    ours = directives(serve().get("/").headers["content-security-policy"])
    assert ours["frame-ancestors"] == ["'self'"]
    space = directives(serve(public=True, on_space=True).get("/").headers["content-security-policy"])
    assert space["frame-ancestors"] == ["'self'", "https://huggingface.co", "https://*.huggingface.co"]


def test_an_uploaded_page_is_no_page(serve: Serve) -> None:
    client = serve()
    said = b"<script>alert(1)</script>"
    path = client.post("/gradio_api/upload", files={"files": ("a.html", said, "text/html")}).json()[0]
    answer = client.get(f"/gradio_api/file={path}")
    assert answer.status_code == 200 and answer.content == said
    policy = directives(answer.headers["content-security-policy"])
    assert policy["default-src"] == ["'none'"] and policy["sandbox"] == []
    assert answer.headers["content-disposition"].startswith("attachment")
