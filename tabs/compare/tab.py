"""Compare: which one is them?"""

import gradio as gr

from tabs.compare import blind, board, side
from tabs.ui.services import Services
from tabs.ui.shared import Shared


def build(services: Services, shared: Shared) -> None:
    """In the middle the leaderboard and the columns side by side, at the right the blind test."""
    with gr.Row(elem_classes="columns"):
        with gr.Column(scale=13, min_width=320, elem_classes="middle"):
            form = board.build(services, shared)
            side.build(services, shared)
        with gr.Column(scale=6, min_width=280):
            blind.build(services, shared, form)
