"""Handlers: methods that take the visitor first, made into functions that Gradio can call.

A handler is written `def pin(self, visitor: Visitor, chosen: str) -> …`. What Gradio calls takes the browser's key
in the visitor's place, and has the request and the OAuth token injected: no handler sees these three.
"""

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, Protocol, TypedDict, TypeVar

import gradio as gr

from core.errors import AppError
from core.text import well_formed
from tabs.ui.form import Form
from tabs.ui.toasts import toast_of
from tabs.ui.visitor import Visitor, language_of

if TYPE_CHECKING:
    from tabs.ui.services import Services

P = ParamSpec("P")
R = TypeVar("R")


class PrivateOptions(TypedDict):
    """What a listener of Gradio takes, beside the handler and its components, to be no API."""

    api_visibility: Literal["private"]


class EventOptions(PrivateOptions):
    """The same for one that works unseen."""

    show_progress: Literal["hidden"]


PRIVATE: PrivateOptions = {"api_visibility": "private"}
"""For an event whose progress is shown on the components that it fills."""
EVENT: EventOptions = {"show_progress": "hidden", "api_visibility": "private"}
"""What nearly every event of the page is given: nothing covers what is on its way, and none is an API."""


class HasServices(Protocol):
    """A class of handlers."""

    @property
    def services(self) -> "Services": ...


H = TypeVar("H", bound=HasServices)


def handler(method: Callable[Concatenate[H, Visitor, P], R]) -> Callable[..., R]:
    """Make `method(self, visitor, *inputs)` callable as `(self, key, *inputs, request, token=None)`.

    Plain methods and generators; a parameter annotated with gr.EventData or a subclass is injected as ever, and one
    annotated with a Form is made of as many values as that has fields. An AppError is shown as a sentence in the
    visitor's language, and nothing else happens.
    """
    unbound: Callable[..., Any] = method  # how many values it takes, only `inputs` knows
    inputs = list(inspect.signature(method).parameters.values())[2:]
    signature = _signature(inputs)
    at = list(signature.parameters).index("request") - 1  # of the request, behind self

    def called(self: H, given: tuple) -> tuple[str, Callable[[], Any]]:
        key, request, token = given[0], given[at], given[at + 1] if len(given) > at + 1 else None
        values = _formed(inputs, given[1:at])
        return language_of(request), lambda: unbound(self, self.services.visitor(key, request, token), *values)

    @functools.wraps(method)
    def answer(self: H, *given: object) -> R:
        language, call = called(self, given)
        try:
            return call()
        except AppError as error:
            raise toast_of(error, language) from error

    @functools.wraps(method)
    def stream(self: H, *given: object) -> Any:
        language, call = called(self, given)
        try:
            yield from call()
        except AppError as error:
            raise toast_of(error, language) from error

    wrapper: Callable[..., Any] = stream if inspect.isgeneratorfunction(method) else answer
    # Gradio reads what it injects from the annotations, and where it goes from the signature.
    wrapper.__dict__["__signature__"] = signature
    wrapper.__annotations__ = {name: p.annotation for name, p in signature.parameters.items() if name != "self"}
    return wrapper


def _signature(inputs: list[inspect.Parameter]) -> inspect.Signature:
    """The parameters of a method with these inputs, as Gradio fills them."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    named = []
    for parameter in inputs:
        if form := _form(parameter):
            named += [inspect.Parameter(f"{parameter.name}_{name}", kind) for name in form.field_names()]
        else:
            named.append(parameter.replace(default=inspect.Parameter.empty))
    this, key = inspect.Parameter("self", kind), inspect.Parameter("key", kind, annotation=str)
    request = inspect.Parameter("request", kind, annotation=gr.Request)
    token = inspect.Parameter("token", kind, annotation=gr.OAuthToken | None, default=None)
    return inspect.Signature([this, key, *named, request, token])


def _formed(inputs: list[inspect.Parameter], given: tuple) -> list:
    """An argument for each input: what was given, forms put together."""
    values, rest = [], list(well_formed(given))
    for parameter in inputs:
        if form := _form(parameter):
            width = len(form.field_names())
            values.append(form.of(rest[:width]))
            del rest[:width]
        else:
            values.append(rest.pop(0))
    return values


def _form(parameter: inspect.Parameter) -> type[Form] | None:
    kind = parameter.annotation
    return kind if inspect.isclass(kind) and issubclass(kind, Form) else None
