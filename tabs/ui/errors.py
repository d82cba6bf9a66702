"""AppError becomes a message on the page, for handlers that still resolve the visitor themselves: Data and Tokens."""

import functools
import inspect
from collections.abc import Callable

import gradio as gr

from core.errors import AppError
from tabs.ui.handler import shown
from tabs.ui.visitor import language_of


def shows_errors(handler: Callable) -> Callable:
    """For handlers: an AppError is shown as a sentence in the visitor's language, and nothing else happens.

    Works for functions and generators. A signature that Gradio injects Request into keeps it.
    """

    def said(error: AppError, arguments: tuple) -> gr.Error:
        return shown(error, language_of(next((a for a in arguments if isinstance(a, gr.Request)), None)))

    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def streaming(*args: object) -> object:
            try:
                yield from handler(*args)
            except AppError as error:
                raise said(error, args) from error

        return streaming

    @functools.wraps(handler)
    def calling(*args: object) -> object:
        try:
            return handler(*args)
        except AppError as error:
            raise said(error, args) from error

    return calling
