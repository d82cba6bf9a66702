"""Compare: which one is them?"""

import gradio as gr

from tabs.compare import blind, board, side
from tabs.ui.services import Services
from tabs.ui.shared import Shared


def build(services: Services, shared: Shared) -> None:
    """The leaderboard; below it the columns side by side, and the blind test."""
    form = board.build(services, shared)
    with gr.Row(elem_classes="columns"):
        with gr.Column(scale=13, min_width=320, elem_classes="middle"):
            side.build(services, shared)
        with gr.Column(scale=6, min_width=280):
            blind.build(services, shared, form)
