"""Notices in the corner of the page. Gradio draws them as HTML, so what people typed is escaped here, and only here."""

from collections.abc import Callable
from functools import wraps
from html import escape

import gradio as gr
from gradio import queueing, utils

from core.errors import AppError
from tabs.ui.text import t

ErrorPayload = dict[str, bool | str | float | None]
PayloadMaker = Callable[[BaseException | None, bool], ErrorPayload]
SECONDS = 12


class Toast(gr.Error):
    """An error as the page shows it. Its message is escaped."""


def inform(language: str, key: str, **values: object) -> None:
    """Tell the visitor what was done: the text `key` with its places filled in."""
    gr.Info(escape(t(language, key, **values)), title=t(language, "strip.info"))


def warn(error: AppError, language: str) -> None:
    """Tell the visitor of an error that ends nothing."""
    gr.Warning(escape(error.text.in_language(language)), title=t(language, "strip.warning"))


def toast_of(error: AppError, language: str) -> Toast:
    """The error, to be raised: it ends the event."""
    said = escape(error.text.in_language(language))
    return Toast(said, duration=SECONDS, print_exception=False, title=t(language, "strip.error"))


def escape_gradios_own() -> None:
    """Gradio's errors quote values, too: a name that is in no list any more, a file of the wrong kind."""
    utils.error_payload = _escaping(utils.error_payload)
    queueing.error_payload = utils.error_payload  # pyright: ignore[reportPrivateImportUsage]  # the name it imported


def _escaping(payload: PayloadMaker) -> PayloadMaker:
    """What makes the same payload, escaped; `payload` itself where it does that already."""
    if hasattr(payload, "__wrapped__"):
        return payload

    @wraps(payload)
    def escaped(error: BaseException | None, show_error: bool) -> ErrorPayload:
        content = payload(error, show_error)
        said = content["error"]
        return content if isinstance(error, Toast) or not isinstance(said, str) else content | {"error": escape(said)}

    return escaped
