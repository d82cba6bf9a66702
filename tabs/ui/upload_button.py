"""Buttons that upload files."""

from collections.abc import Sequence
from typing import Literal

import gradio as gr

from tabs.ui.text import t_client


def build_upload(
    text: str, elem_id: str, *, count: Literal["single", "multiple"] = "single", types: Sequence[str] | None = None
) -> gr.UploadButton:
    """A small button with the text of that key; `types` are endings of file names, None takes any."""
    label = t_client(text)
    return gr.UploadButton(
        label,  # pyright: ignore[reportArgumentType]  # Gradio translates it, as it does other labels, and says str
        file_count=count, file_types=list(types) if types else None, size="sm", elem_id=elem_id,
    )  # fmt: skip
