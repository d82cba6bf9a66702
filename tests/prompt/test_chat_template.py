"""Templates: what a template can hold is found by trying it."""

import pytest

from core.errors import ModelError
from core.prompt.chat_template import (
    CUT,
    OPEN,
    WRAPPING,
    ChatTemplate,
    RenderedSegment,
    resolve_template,
)
from core.prompt.template_names import template_names
from tests.helpers import prompt_tiny as tiny

NAMES = ("Mika", "Ken")


def chat_template(jinja: str, added: tuple[str, ...] = ("<|im_start|>", "<|im_end|>")) -> ChatTemplate:
    return ChatTemplate("x", jinja, (("eos_token", "</s>"),), added)


def laid(template: str, *said: tuple[str, str], reply: bool = False) -> list[RenderedSegment]:
    made = chat_template(template)
    return made.segments([made.message_text(*one) for one in said], names=NAMES, reply=reply)


def test_words_are_told_from_the_template() -> None:
    found = laid(tiny.chatml(), ("user", " hi "), ("assistant", "yo"), reply=True)
    assert found == [
        RenderedSegment("<|im_start|>user\n", None),
        RenderedSegment("hi", 0),
        RenderedSegment("<|im_end|>\n<|im_start|>assistant\n", None),
        RenderedSegment("yo", 1),
        RenderedSegment("<|im_end|>", None, ends_turn=True),
        RenderedSegment("\n<|im_start|>assistant\n", None),
    ]


def test_typed_marks_are_cut_and_nothing_else_is() -> None:
    (words,) = (s for s in laid(tiny.chatml(), ("user", f"a<|im_end|>b{OPEN}{CUT}<|im_start|>")) if s.words == 0)
    assert words.text == "a<|im_end|>b<|im_start|>" and words.cuts == (2, 13)
    assert all(not s.cuts for s in laid(tiny.chatml(), ("user", "plain < | im_end")))


def test_names_are_cut_and_kept_on_their_line() -> None:
    made = chat_template("{{ persona_name + '/' + user_name }}{% for m in messages %}{{ m.content }}{% endfor %}")
    found = made.segments([made.message_text("user", "x")], names=("Mi<|im_end|>ka\n\nKen:", " Ken "), reply=False)
    assert found[0] == RenderedSegment("Mi<|im_end|>ka Ken:/Ken", None, cuts=(3,))


@pytest.mark.parametrize(
    "template",
    ["{% for m in messages[1:] %}{{ m.content }}{% endfor %}",  # drops one
     "{% for m in messages %}{{ m.content + m.content }}{% endfor %}",  # prints one twice
     "{% for m in messages | reverse %}{{ m.content }}{% endfor %}",  # turns them round
     "{{ messages[0].content[:3] }}{{ messages[1].content }}",  # cuts one off
     "{{ raise_exception('no') }}", "{{ nothing.here.at_all }}", "{{ 1 / 0 }}", "{% for %}", "{{ messages.__class__ }}",
     "{{ [][3] }}", "{{ messages[0].content + 3 }}"],
)  # fmt: skip
def test_templates_that_cannot_hold_a_talk_are_told(template: str) -> None:
    with pytest.raises(ModelError, match="template “x” cannot lay out") as caught:
        laid(template, ("user", "hi"), ("assistant", "yo"))
    assert not WRAPPING.search(caught.value.en)


def test_an_end_mark_is_found_without_generation_marks() -> None:
    plain = (
        "{% for m in messages %}{{ m.role + ':' + m.content }}{% if m.role == 'assistant' %}%s{% endif %}{% endfor %}"
    )
    for printed, end in ((" <|im_end|>\n", " <|im_end|>"), ("\n", "</s>"), ("", "</s>")):
        found = laid(plain.replace("%s", printed), ("user", "a"), ("assistant", "b"))
        assert [s.text for s in found if s.ends_turn] == [end]
    empty_span = (
        "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{{ '<|im_end|>' }}{% endfor %}"
    )
    assert [s.text for s in laid(empty_span, ("user", "a"), ("assistant", "b")) if s.ends_turn] == ["<|im_end|>"]


def test_what_a_template_accepts_is_tried() -> None:
    gemma = resolve_template(tiny.byte_bpe(template=tiny.GEMMA))
    assert (gemma.name, gemma.takes_system, gemma.persona_may_open) == ("model", False, False)
    chatml = resolve_template(tiny.byte_bpe(template=tiny.chatml()))
    assert (chatml.takes_system, chatml.persona_may_open) == (True, True)


def test_a_named_template_is_used_whatever_the_tokenizer_brings() -> None:
    tokenizer = tiny.byte_bpe(template=tiny.QWEN3)
    assert resolve_template(tokenizer).name == "chatml"
    assert resolve_template(tokenizer, "model").name == "model"
    assert resolve_template(tokenizer, "dialogue").name == "dialogue"
    assert resolve_template(tiny.byte_bpe(), "model").name == "chatml"  # it brings none
    assert resolve_template(tiny.byte_bpe(special=("<s>", "</s>"))).name == "dialogue"
    with pytest.raises(ModelError, match="There are: alpaca-ja, chatml, dialogue"):
        resolve_template(tokenizer, "../secrets")
    assert "chatml" in template_names() and not {name for name in template_names() if "/" in name}


def test_white_space_before_a_reply_is_the_models_to_write() -> None:
    """Llama 2 and Mistral print it in a row, and not where they ask."""
    spaced = "{% for m in messages %}{{ m.role if m.role == 'user' }}{{ ' ' + m.content + eos_token }}{% endfor %}"
    made = resolve_template(tiny.byte_bpe(template=spaced, special=("<s>", "</s>")))
    assert (made.name, made.lead) == ("model", " ")
    said = [made.message_text("user", "hi"), made.message_text("assistant", "y<s>o")]
    (reply,) = (stretch for stretch in made.segments(said, names=NAMES, reply=False) if stretch.words == 1)
    assert (reply.text, reply.cuts) == (" y<s>o", (3,))
    assert "".join(s.text for s in made.segments(said[:1], names=NAMES, reply=True)) == "user hi</s>"
    assert resolve_template(tiny.byte_bpe(template=tiny.chatml())).lead == ""


def test_a_template_that_cannot_ask_is_not_used() -> None:
    mute = "{% if add_generation_prompt %}{{ raise_exception('no') }}{% endif %}" + tiny.chatml()
    assert resolve_template(tiny.byte_bpe(template=mute)).name == "chatml"


def test_a_template_of_ours_that_does_not_fit_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    (tmp_path / "mine.jinja").write_text("{{ raise_exception('never') }}", encoding="utf-8")
    monkeypatch.setattr("core.prompt.template_names.TEMPLATES", tmp_path)
    with pytest.raises(ModelError, match="template “mine” cannot lay out"):
        resolve_template(tiny.byte_bpe(), "mine")


def test_one_of_several_templates_is_the_default() -> None:
    tokenizer = tiny.byte_bpe()
    tokenizer.chat_template = {"tool_use": "{{ 1 }}", "default": tiny.chatml()}
    assert resolve_template(tokenizer).name == "model"
    tokenizer.chat_template = {"tool_use": "{{ 1 }}"}
    assert resolve_template(tokenizer).name == "chatml"


def test_template_warnings_stay_silent(caplog: pytest.LogCaptureFixture) -> None:
    """transformers warns once of every template without generation marks when it is asked for them."""
    laid(tiny.GEMMA.replace("{{ bos_token }}", ""), ("user", "hi"), ("assistant", "yo"))
    assert "generation" not in caplog.text
