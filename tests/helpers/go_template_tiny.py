"""As much of Go's text/template as an Ollama TEMPLATE of ours uses, and what a Modelfile says, to hold them to it."""

import json
import re
from collections.abc import Iterator

from tests.helpers.typed import present

TAG = re.compile(r"\{\{(-?)(.*?)(-?)\}\}", re.DOTALL)
Nodes = list


def go_render(template: str, messages: list[tuple[str, str]]) -> str:
    """What Go prints of `template` for .Messages of (role, words)."""
    tokens = _tokens(template)
    nodes, last = _parse(tokens)
    assert last is None
    return _run(nodes, {}, [{"Role": role, "Content": text} for role, text in messages], None)


def _tokens(template: str) -> Iterator[tuple[str, str]]:
    at, trim = 0, False
    for tag in TAG.finditer(template):
        text = template[at : tag.start()]
        text = text.lstrip() if trim else text
        yield "text", text.rstrip() if tag[1] else text
        yield "tag", tag[2].strip()
        at, trim = tag.end(), bool(tag[3])
    yield "text", template[at:].lstrip() if trim else template[at:]


def _parse(tokens: Iterator[tuple[str, str]]) -> tuple[Nodes, str | None]:
    """Nodes up to the tag that ends them, and that tag."""
    nodes: Nodes = []
    for kind, value in tokens:
        if kind == "text":
            nodes.append(("text", value))
        elif value == "end" or value.startswith("else"):
            return nodes, value
        elif value == "range .Messages":
            inner, last = _parse(tokens)
            assert last == "end"
            nodes.append(("range", inner))
        elif value.startswith("if "):
            nodes.append(("if", _branches(value, tokens)))
        else:
            nodes.append(("do", value))
    return nodes, None


def _branches(test: str, tokens: Iterator[tuple[str, str]]) -> list[tuple[str, Nodes]]:
    branches = []
    while True:
        inner, last = _parse(tokens)
        branches.append((test.removeprefix("else").strip().removeprefix("if").strip(), inner))
        if last == "end":
            return branches
        assert last is not None, "an if without an end"
        test = last


def _run(nodes: Nodes, names: dict[str, str], messages: list[dict], dot: dict | None) -> str:
    out = ""
    for kind, value in nodes:
        if kind == "text":
            out += value
        elif kind == "range":
            out += "".join(_run(value, names, messages, message) for message in messages)
        elif kind == "if":
            held = (inner for test, inner in value if not test or _equal(test, names, dot))
            out += _run(next(held, []), names, messages, dot)
        elif assigned := re.fullmatch(r"(\$\w+) (:?)= (.*)", value, re.DOTALL):
            assert bool(assigned[2]) == (assigned[1] not in names), "declared once, then assigned"
            names[assigned[1]] = _value(assigned[3], names, dot)
        else:
            out += _value(value, names, dot)
    return out


def _equal(test: str, names: dict[str, str], dot: dict | None) -> bool:
    one, two = present(re.fullmatch(r'eq (\S+) (".*"|\S+)', test, re.DOTALL)).groups()
    return _value(one, names, dot) == _value(two, names, dot)


def _value(text: str, names: dict[str, str], dot: dict | None) -> str:
    if text.startswith('"'):
        return json.loads(text)
    return names[text] if text.startswith("$") else present(dot)[text.removeprefix(".")]


def read_modelfile(text: str) -> list[tuple[str, str]]:
    """(instruction, value) of each instruction; PARAMETER and MESSAGE with the word behind them."""
    found = re.findall(r'^(FROM|TEMPLATE|SYSTEM|PARAMETER \w+|MESSAGE \w+) (?:"""(.*?)"""|(\S+))$', text, re.M | re.S)
    return [(name, quoted or plain) for name, quoted, plain in found]
