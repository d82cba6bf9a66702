"""The decorator of handlers: who is asking, what Gradio injects, and how an error is shown."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
import pytest
from gradio.helpers import special_args

import tabs
from core.errors import InputError
from tabs.ui.form import Form
from tabs.ui.handler import handler
from tabs.ui.services import Services
from tabs.ui.visitor import Visitor
from tests.helpers.tab_tiny import visit
from tests.helpers.typed import untyped

TOKEN = gr.OAuthToken(token="hf_visitor", scope="", expires_at=0)


@dataclass(frozen=True)
class Lengths(Form):
    low: float
    high: float


class Resolving:
    def visitor(self, key: str | None, request: gr.Request, token: gr.OAuthToken | None) -> Visitor:
        return Visitor(f"owner of {key}", request.headers["accept-language"], key or "", token)


@dataclass(frozen=True)
class Handlers:
    services: Services

    @handler
    def plain(self, visitor: Visitor, word: str, event: gr.SelectData) -> tuple:
        return visitor, word, event

    @handler
    def filled(self, visitor: Visitor, word: str, form: Lengths, last: int) -> tuple:
        return word, form, last

    @handler
    def steps(self, visitor: Visitor, word: str) -> Iterator[str]:
        yield visitor.owner
        raise InputError("wrong", "違います")


@pytest.fixture
def handlers() -> Handlers:
    return Handlers(untyped(Resolving()))


def injected(fn: Callable, inputs: list, event: gr.EventData | None = None) -> list:
    """The arguments as Gradio completes them."""
    request = gr.Request(headers={"accept-language": "en"}, session_hash="s")
    return special_args(fn, inputs, request, event, token=TOKEN)[0]


def test_gradio_injects_the_request_the_token_and_the_event(handlers: Handlers) -> None:
    event = gr.SelectData(None, {"index": 3, "value": "x"})
    arguments = injected(handlers.plain, ["k", "w"], event)
    assert [type(each).__name__ for each in arguments] == ["str", "str", "SelectData", "Request", "OAuthToken"]
    visitor, word, given = handlers.plain(*arguments[:2], event, visit("en"), TOKEN)
    assert (visitor.owner, visitor.language, visitor.key) == ("owner of k", "en", "k")
    assert visitor.signed_in is TOKEN and (word, given) == ("w", event)


def test_a_form_is_made_of_as_many_values_as_it_has_fields(handlers: Handlers) -> None:
    with gr.Blocks():
        components = {"high": gr.Number(2), "low": gr.Number(1), "other": gr.Number(9)}
    inputs = Lengths.inputs(components)
    assert inputs == [components["low"], components["high"]]
    arguments = injected(handlers.filled, ["k", "w", *(untyped(component).value for component in inputs), 5])
    assert [type(each).__name__ for each in arguments[-2:]] == ["Request", "OAuthToken"]
    assert handlers.filled(*arguments[:5], visit("en")) == ("w", Lengths(low=1, high=2), 5)
    assert Lengths.of(Lengths(3, 4).values()) == Lengths(3, 4)
    with pytest.raises(KeyError, match="high"):
        Lengths.inputs({"low": components["low"]})


def test_an_error_is_a_sentence_in_the_visitors_language(handlers: Handlers) -> None:
    for language, said in (("en", "wrong"), ("ja", "違います")):
        stream = handlers.steps("k", "w", visit(language))
        assert next(stream) == "owner of k"
        with pytest.raises(gr.Error, match=said):
            next(stream)


def test_no_handler_carries_key_request_and_token() -> None:
    carried = [
        f"{path}:{node.lineno} {node.name}"
        for path in Path(tabs.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and {"key", "request", "token"} <= {a.arg for a in node.args.args}
    ]
    assert [where.rsplit(" ", 1)[1] for where in carried] == ["visitor"], carried  # Services.visitor, which resolves
