"""Handlers: methods that take the visitor first, made into functions that Gradio can call.

A handler is written `def pin(self, visitor: Visitor, chosen: str) -> …`. What Gradio calls takes the browser's key
in the visitor's place, and has the request and the OAuth token injected: no handler sees these three.
"""

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Concatenate, Literal, ParamSpec, Protocol, TypedDict, TypeVar

import gradio as gr

from core.errors import AppError
from tabs.ui.text import t
from tabs.ui.visitor import Visitor, language_of

if TYPE_CHECKING:
    from tabs.ui.services import Services

P = ParamSpec("P")
R = TypeVar("R")


class EventOptions(TypedDict):
    """What Gradio's listeners take, beside the handler and its components."""

    show_progress: Literal["hidden"]
    api_visibility: Literal["private"]


EVENT: EventOptions = {"show_progress": "hidden", "api_visibility": "private"}
"""What nearly every event of the page is given: nothing covers what is on its way, and none is an API."""


class HasServices(Protocol):
    """A class of handlers."""

    @property
    def services(self) -> "Services": ...


H = TypeVar("H", bound=HasServices)


def handler(method: Callable[Concatenate[H, Visitor, P], R]) -> Callable[..., R]:
    """Make `method(self, visitor, *inputs)` callable as `(self, key, *inputs, request, token=None)`.

    Plain methods and generators; a parameter annotated with gr.EventData or a subclass is injected as ever. Of a
    method that ends in `*values`, request and token come before these, where Gradio injects them. An AppError is
    shown as a sentence in the visitor's language, and nothing else happens.
    """
    signature = _signature(method)
    at = list(signature.parameters).index("request") - 1  # of the request, behind self

    def called(self: H, given: tuple) -> tuple[str, Callable[[], R]]:
        key, request, token = given[0], given[at], given[at + 1] if len(given) > at + 1 else None
        inputs = (*given[1:at], *given[at + 2 :])
        return language_of(request), lambda: method(self, self.services.visitor(key, request, token), *inputs)

    if inspect.isgeneratorfunction(method):

        @functools.wraps(method)
        def wrapper(self: H, *given: object) -> object:
            language, call = called(self, given)
            try:
                yield from call()
            except AppError as error:
                raise shown(error, language) from error

    else:

        @functools.wraps(method)
        def wrapper(self: H, *given: object) -> object:
            language, call = called(self, given)
            try:
                return call()
            except AppError as error:
                raise shown(error, language) from error

    # Gradio reads what it injects from the annotations, and where it goes from the signature.
    wrapper.__signature__ = signature
    wrapper.__annotations__ = {name: p.annotation for name, p in signature.parameters.items() if name != "self"}
    return wrapper


def _signature(method: Callable) -> inspect.Signature:
    """The parameters of `method` as Gradio fills them."""
    this, _, *rest = inspect.signature(method).parameters.values()
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    named = [p.replace(default=inspect.Parameter.empty) for p in rest if p.kind is kind]
    values = [p for p in rest if p.kind is inspect.Parameter.VAR_POSITIONAL]
    key = inspect.Parameter("key", kind, annotation=str)
    request = inspect.Parameter("request", kind, annotation=gr.Request)
    token = inspect.Parameter("token", kind, annotation=gr.OAuthToken | None)
    if not values:
        token = token.replace(default=None)
    return inspect.Signature([this, key, *named, request, token, *values])


def shown(error: AppError, language: str) -> gr.Error:
    """The error as the page shows it."""
    return gr.Error(
        error.text.in_language(language), duration=12, print_exception=False, title=t(language, "strip.error")
    )
