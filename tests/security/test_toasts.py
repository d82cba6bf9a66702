"""Notices show what people typed as text, and are made in one place."""

import re
from html import escape
from pathlib import Path

import gradio as gr
import pytest

from core.errors import InputError
from tabs.ui import toasts
from tabs.ui.text import texts
from tests.security.conftest import Serve

ROOT = Path(__file__).resolve().parents[2]
TYPED = '<img src="https://outside.example/p.png" onerror="x()"><a href="https://outside.example">&amp;'


def test_what_was_typed_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    for kind in ("Info", "Warning"):
        monkeypatch.setattr(gr, kind, lambda said, **_: told.append(said))
    toasts.inform("en", "persona.saved", name=TYPED)
    toasts.warn(InputError(TYPED, "日本語"), "en")
    toasts.warn(InputError("English", TYPED), "ja")
    shown = toasts.toast_of(InputError(TYPED, "日本語"), "en")
    assert len(told) == 3 and all(escape(TYPED) in said and "<" not in said for said in (*told, shown.message))
    assert toasts.toast_of(InputError("English", "日本語"), "ja").message == "日本語"


def test_no_text_of_ours_means_to_be_markup() -> None:
    """Else it would be seen as it is written here."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tabs").rglob("*.py"))
    keys = set(re.findall(r'inform\(\s*[\w.]+,\s*"([\w.]+)"', code))
    assert len(keys) > 8
    assert not [key for key in keys for said in texts()[key] if re.search(r"[<>]|&\w+;|\*\*|`", said)]


def test_notices_are_made_in_one_place() -> None:
    for path in (ROOT / "tabs").rglob("*.py"):
        if path.name != "toasts.py":
            assert not re.search(r"gr\.(Info|Warning|Success|Error)\(", path.read_text(encoding="utf-8")), path


def test_gradios_own_errors_quote_it_as_text(serve: Serve) -> None:
    """A value that is in no list is quoted by Gradio itself, with the list."""
    client = serve()
    config = client.get("/config").json()
    choices = {c["id"] for c in config["components"] if c["type"] in ("radio", "dropdown")}
    asked = next(d for d in config["dependencies"] if not d["queue"] and set(d["inputs"]) <= choices and d["inputs"])
    body = {"data": [TYPED], "fn_index": asked["id"], "session_hash": "s"}
    said = client.post("/gradio_api/run/predict", json=body).json()["error"]
    assert "not in the list" in said and escape(TYPED) in said and "<" not in said


def test_ours_are_escaped_once() -> None:
    toasts.escape_gradios_own()
    toasts.escape_gradios_own()
    from gradio import queueing, utils

    for module in (queueing, utils):
        assert module.error_payload(toasts.toast_of(InputError("a & b", ""), "en"), False)["error"] == "a &amp; b"
        assert module.error_payload(gr.Error("a & b"), False)["error"] == "a &amp; b"
        assert module.error_payload(ValueError("a"), False) == {"error": None}
