"""Connect: how do others reach the persona?"""

import gradio as gr

from tabs.connect import bots, keys, share, space
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t_client


def build(services: Services, shared: Shared) -> None:
    """In the middle the API keys, beside them bots, the share link and the Space."""
    gr.Markdown(t_client("connect.what"), elem_classes="muted", elem_id="connect-lead")
    with gr.Row(elem_classes="columns"):
        with gr.Column(scale=13, min_width=320, elem_classes="middle"):
            keys.build(services, shared)
        with gr.Column(scale=8, min_width=280):
            bots.build(services, shared)
            share.build(services, shared)
            space.build(services, shared)
