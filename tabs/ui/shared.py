"""What the tabs share on the page: a few components, made once by the app and handed to each tab."""

from collections.abc import Callable
from dataclasses import dataclass

import gradio as gr
from gradio.events import Dependency


@dataclass(frozen=True)
class Shared:
    """Components that more than one tab reads or writes."""

    key: gr.BrowserState
    """The browser's capability; every handler takes it first."""
    conversation: gr.State
    """Id of the conversation on the page. Who sets it opens that conversation in the Chat tab."""
    dataset: gr.State
    """Name of the data set to train on. Who sets it selects it in the Train tab."""
    tabs: gr.Tabs
    """To go elsewhere: return gr.Tabs(selected=…) with a tab's name: "talk", "data", "train", "connect", …"""
    arrived: Dependency
    """The event of a page that has loaded and knows its key; what every page shows is filled `.then`."""
    changed: dict[str, gr.Button]
    """Clicked by the heartbeat when there is something new to draw of a topic (see heartbeat.TOPICS)."""

    def opened(self, tab: str) -> Callable[..., Dependency]:
        """The listener of a tab that comes into sight, where it fills itself (see heartbeat.OPENED)."""
        return self.changed[f"opened-{tab}"].click
