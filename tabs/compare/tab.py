"""Compare: which one is them?"""

import gradio as gr

from tabs.compare import board
from tabs.ui.services import Services
from tabs.ui.shared import Shared


def build(services: Services, shared: Shared) -> None:
    """The leaderboard."""
    with gr.Row(elem_classes="columns"), gr.Column(scale=13, min_width=320, elem_classes="middle"):
        board.build(services, shared)
