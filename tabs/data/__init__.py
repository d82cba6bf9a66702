"""Data: from a log to rows, and what became of every message; or from dialogues that models make."""

import gradio as gr

from tabs.data import create, tab
from tabs.data.create import novel
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t_client


def build(services: Services, shared: Shared) -> None:
    """The ways to data, one beside the other."""
    with gr.Tabs(selected="from-log", elem_id="data-from"):
        with gr.Tab(t_client("create.from_log"), id="from-log"):
            saved, card = tab.build(services, shared)
        with gr.Tab(t_client("create.from_dialogues"), id="from-dialogues"):
            create.build(services, shared, saved, card)
        with gr.Tab(t_client("create.from_novel"), id="from-novel"):
            novel.build(services, shared, saved, card)
