"""Strangers' templates: rendered as they are, and ended when they take too long or too much."""

import time

import pytest

from core.prompt import sandbox
from core.prompt.chat_template import resolve_template
from core.prompt.sandbox import TemplateRefusedError, render_template
from tests.helpers import prompt_tiny as tiny

CHAT = [{"role": "user", "content": "hi \ufdd0 🎉"}, {"role": "assistant", "content": "yo"}]
VALUES = {"eos_token": "</s>", "bos_token": "<s>", "enable_thinking": False}


def render(template: str) -> sandbox.Rendered:
    return render_template(template, CHAT, reply=True, values=VALUES)


def test_the_process_renders_what_would_be_rendered_in_place() -> None:
    for template in (tiny.LLAMA3, tiny.RINNA, tiny.QWEN3, tiny.chatml() + "{# not ours #}"):
        assert template not in sandbox._own_templates()
        in_place = sandbox._render(template, CHAT, reply=True, values=VALUES)
        assert render(template) == in_place
    assert in_place[1]  # where the generation blocks are


def test_our_own_templates_need_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise AssertionError("a process was asked")

    monkeypatch.setattr(sandbox, "_render_apart", none)
    assert "yo" in render(tiny.chatml())[0]


@pytest.mark.parametrize(
    "loop",
    ["{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}"
     "{% endfor %}",
     "{{ 7 ** (10 ** 8) }}"],  # one operation, which no Python code can break into
)  # fmt: skip
def test_what_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch, loop: str) -> None:
    render(tiny.LLAMA3)  # the process is running
    monkeypatch.setattr(sandbox, "RENDER_SECONDS", 0.5)
    began = time.perf_counter()
    with pytest.raises(TemplateRefusedError, match=r"more than 0\.5 seconds"):
        render(loop)
    assert time.perf_counter() - began < 20  # 0.5 s where nothing else runs
    assert "hi" in render(tiny.LLAMA3)[0]  # the next one gets a new process


@pytest.mark.parametrize(
    "greed",
    ["{{ 'x' * 10**10 }}", "{{ 'x'.ljust(10**10) }}",
     "{% set n = namespace(s='x' * 1000) %}{% for i in range(40) %}{% set n.s = n.s ~ n.s %}{% endfor %}"],
)  # fmt: skip
def test_what_takes_too_much_memory_is_ended(greed: str) -> None:
    with pytest.raises(TemplateRefusedError, match=r"memory|MemoryError"):
        render(greed)
    assert "hi" in render(tiny.LLAMA3)[0]


@pytest.mark.parametrize(
    ("template", "reason"),
    [("{{ 'x' * 5000000 }}", "5,000,000 characters"), ("{{ raise_exception('not so') }}", "not so"),
     ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "recursion"), ("{% for %}", "Expected"),
     ("{{ ''.__class__.__mro__ }}", "__class__|unsafe"), ("{{ range(10**9) }}", "range|big")],
)  # fmt: skip
def test_a_refusal_tells_its_reason(template: str, reason: str) -> None:
    with pytest.raises(TemplateRefusedError, match=reason):
        render(template)


def test_a_model_with_such_a_template_gets_another_template(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "RENDER_SECONDS", 0.5)
    forever = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    assert resolve_template(tiny.byte_bpe(template=forever)).name == "chatml"
