"""Ending an event that runs from another one, so that what the second leaves on the page stays."""

from collections.abc import Callable, Sequence

import gradio as gr
from gradio.blocks import Block
from gradio.events import Dependency
from gradio.utils import cancel_tasks

from tabs.ui.handler import EVENT


def stop_running(
    trigger: Callable[..., Dependency], running: Dependency, leave: Callable[[], object], outputs: Sequence[Block]
) -> None:
    """When `trigger` comes, end the visitor's event `running`, then show what `leave` returns.

    `cancels` alone does not do: the page asks for the stop and for `leave` at once, in no order, and steps that
    arrive between the two are drawn over what `leave` left.
    """
    task = running["id"]

    async def stop(request: gr.Request) -> object:
        await cancel_tasks({f"{request.session_hash}_{task}"})
        return leave()

    trigger(stop, None, outputs, cancels=[running], **EVENT)
