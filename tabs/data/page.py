"""The components of the Data tab, by the names under which its modules share them."""

from typing import TypedDict

import gradio as gr


class Page(TypedDict):
    """Each module of the tab adds its own; `View` says which of them a handler changes."""

    log: gr.State
    made: gr.State
    progress: gr.HTML
    problem: gr.HTML
    start: gr.Column
    content: gr.Row
    about: gr.HTML
    format: gr.Dropdown
    order: gr.Radio
    names: gr.Dropdown
    presumed: gr.Dropdown
    sender: gr.Dropdown
    text: gr.Dropdown
    time: gr.Dropdown
    zones: gr.Column
    zone: gr.Dropdown
    chats: gr.Column
    conversations: gr.Dropdown
    persona: gr.Radio
    description: gr.Textbox
    gaps: gr.Column
    plot: gr.HTML
    gap: gr.Slider
    recipe: gr.HTML
    budget: gr.Slider
    shape: gr.Radio
    burst: gr.Radio
    separator: gr.Textbox
    clean: gr.Checkbox
    turns: gr.Slider
    context: gr.Slider
    validation: gr.Slider
    test: gr.Slider
    preamble: gr.Radio
    split: gr.Radio
    row: gr.HTML
    make: gr.Button
    walk: gr.Row
    number: gr.Slider
    private: gr.Checkbox
    secrets: gr.Dropdown
    diff: gr.HTML
    use: gr.Column
    everybody: gr.Column
    name: gr.Textbox
    ledger: gr.HTML
