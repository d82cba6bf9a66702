"""Routes of Gradio that this page has no use for are not there."""

import pytest

from tabs.ui.web.used_routes import is_used
from tests.security.conftest import Serve

UPLOADED = {"files": ("a.bin", b"x" * 1000)}
# What a newer Gradio adds stands in neither list: look at it, then put it into one.
NOT_USED = (
    "api/{api_name}", "call/v2/{api_name}", "call/v2/{api_name}/{event_id}", "call/{api_name}",
    "call/{api_name}/{event_id}", "component_server", "custom_component/{id}/{environment}/{type}/{file_name}",
    "deep_link", "dev/reload", "file/{path:path}", "openapi.json", "process_recording", "proxy={url_path:path}",
    "run-history/buckets", "run-history/connect", "run-history/records",
    "run-history/records/{endpoint}/{record_id}/assets/{asset_id}", "run/{api_name}", "runs", "stream/{event_id}",
    "stream/{event_id}/close", "stream/{session_hash}/{run}/{component_id}/playlist-file",
    "stream/{session_hash}/{run}/{component_id}/playlist.m3u8",
    "stream/{session_hash}/{run}/{component_id}/{segment_id}.{ext}", "undo-vibe-edit", "vibe-code", "vibe-edit",
    "vibe-starter-queries",
)  # fmt: skip


def test_every_route_of_gradio_is_known(serve: Serve) -> None:
    from tests.security.test_hosts import routes_of

    found = {path for path, _ in routes_of(serve().app) if path.startswith("/gradio_api/")}
    paths = {path.removeprefix("/gradio_api/").rstrip("/") for path in found}
    assert len(paths) > 30
    assert {path for path in paths if not is_used(f"/gradio_api/{path}")} <= set(NOT_USED)


@pytest.mark.parametrize("path", ["process_recording", "component_server", "stream/x", "vibe-code", "run/other"])
def test_no_other_route_takes_what_is_sent(serve: Serve, path: str) -> None:
    answer = serve().post(f"/gradio_api/{path}", files=UPLOADED)
    assert answer.status_code == 404 and answer.json() == {"detail": "Not Found"}


@pytest.mark.parametrize(
    "path", ["/gradio_api/deep_link?session_hash=s", "/gradio_api/dev/reload", "/monitoring/summary"]
)
def test_nor_tells_of_others(serve: Serve, path: str) -> None:
    answer = serve().get(path)
    assert answer.status_code == 404 and answer.json() == {"detail": "Not Found"}


def test_what_the_page_uses_is_there(serve: Serve) -> None:
    client = serve()
    for path in ("/", "/config", "/gradio_api/app_id", "/gradio_api/info", "/gradio_api/startup-events", "/theme.css"):
        assert client.get(path).status_code == 200, path
    assert client.post("/gradio_api/upload", files=UPLOADED).status_code == 200
