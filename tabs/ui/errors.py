"""AppError becomes a message on the page, here and nowhere else."""

import functools
import inspect
from collections.abc import Callable

import gradio as gr

from core.errors import AppError
from tabs.ui.text import t
from tabs.ui.visitor import language_of


def shows_errors(handler: Callable) -> Callable:
    """For handlers: an AppError is shown as a sentence in the visitor's language, and nothing else happens.

    Works for functions and generators. A signature that Gradio injects Request into keeps it.
    """

    def shown(error: AppError, arguments: tuple) -> gr.Error:
        request = next((a for a in arguments if isinstance(a, gr.Request)), None)
        language = language_of(request)
        title = t(language, "strip.error")
        return gr.Error(error.text(language), duration=12, print_exception=False, title=title)

    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def streaming(*args: object) -> object:
            try:
                yield from handler(*args)
            except AppError as error:
                raise shown(error, args) from error

        return streaming

    @functools.wraps(handler)
    def calling(*args: object) -> object:
        try:
            return handler(*args)
        except AppError as error:
            raise shown(error, args) from error

    return calling
