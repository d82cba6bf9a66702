"""A prompt on the page: the bar of its parts, what fell out and what will, and every word and token of it."""

import json
from dataclasses import replace

import pytest

from core.messages import Turn
from core.personas import Persona
from core.prompt import PARTS, PlacedText, PromptConfig, render
from core.prompt.context import CONTEXT_PARTS, PLACED_PARTS, RetrievedContext
from core.settings import ROOT
from tabs.talk.prompt_card import PromptCardHandlers
from tabs.ui import prompt_html
from tests.helpers import prompt_tiny as tiny
from tests.helpers.tab_tiny import KEY, models_of, owner, services_on, visit
from tests.helpers.train_tiny import tiny_base
from tests.helpers.typed import untyped

MIKA = PromptConfig("Mika", "You are <b>Mika</b>.", parts=CONTEXT_PARTS, context_window=512, reply_reserve=100)
TOLD = RetrievedContext(*(tuple(f"{part} {n} is told here" for n in range(40)) for part in CONTEXT_PARTS))


@pytest.fixture(scope="module")
def tokenizer():
    return tiny.byte_bpe(template=tiny.chatml())


def talk(turns: int) -> list[Turn]:
    return [Turn(("user", "assistant")[n % 2], (f"turn {n} of a long talk",)) for n in range(turns)]


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_bar_names_every_part_what_fell_out_and_what_goes_next(tokenizer, language: str) -> None:
    prompt_config = replace(MIKA, examples=tuple(talk(2)))
    placed = tuple(PlacedText(part, part) for part in PLACED_PARTS)
    prompt = render(prompt_config, talk(101), tokenizer, background=TOLD, placed=placed)
    shown = prompt_html.budget(prompt, language)
    texts = json.loads((ROOT / "tabs/ui/texts/prompt.json").read_text(encoding="utf-8"))
    present = [part for part, size in prompt.tokens_by_part().items() if size]
    assert set(present) == set(PARTS) - {"examples"}
    assert all(f'class="part-{part}"' in shown and texts[part][language] in shown for part in present)
    assert prompt.left_out.keys() == {*CONTEXT_PARTS, "examples", "turns"}
    for part, n in prompt.left_out.items():
        assert texts[f"left_out_{part}"][language].format(n=n) in shown
    assert f"turn {prompt.turns_left_out} of a l…" in shown
    short = prompt_html.budget(render(prompt_config, talk(1), tokenizer), language)
    assert texts["next_examples"][language].split("{free}")[1] in short
    assert "tokens are free" not in prompt_html.budget(render(MIKA, talk(1), tokenizer), "en")


def test_the_exact_text_is_shown_part_by_part_and_escaped(tokenizer) -> None:
    prompt = render(MIKA, talk(3), tokenizer)
    shown = prompt_html.text(prompt, "en")
    assert "&lt;|im_start|&gt;system" in shown and "You are &lt;b&gt;Mika&lt;/b&gt;." in shown and "<b>" not in shown
    assert shown.count('<section class="part">') > 5
    assert prompt_html.tokens(prompt, tokenizer, "en", ids=True).count("<span") == len(prompt.ids)


def test_the_fold_shows_the_draft_too_and_nothing_while_it_is_closed(tmp_path) -> None:
    from transformers import AutoTokenizer

    base = tiny_base(tmp_path / "base")
    services = services_on(tmp_path / "home", base, AutoTokenizer.from_pretrained(base))
    quiet = services.personas.save(owner(services), Persona("Q", "Waits."))
    opened = services.chat.open_conversation(owner(services), "en", persona=quiet.id)
    handlers = PromptCardHandlers(replace(services, chat=replace(services.chat, models=services.models)))
    shown = handlers.exact(KEY, opened.id, "a draft </s>", -1, "text", True, visit("en"))
    assert "a draft &lt;/s&gt;" in shown
    assert "<span" in handlers.exact(KEY, opened.id, "", -1, "tokens", True, visit("en"))
    assert not isinstance(handlers.exact(KEY, opened.id, "", -1, "text", False, visit("en")), str)
    assert not isinstance(handlers.exact("o" * 40, opened.id, "", -1, "text", True, visit("en")), str)  # another owner
    said = services.conversations.save(owner(services), opened.said("user", "hi").said("assistant", "yo"))
    services.conversations.keep_prompt(
        owner(services), said, render(MIKA, talk(3), untyped(models_of(services).tokenizer)).to_json()
    )
    kept = handlers.exact(KEY, opened.id, "", 1, "text", True, visit("en"))
    assert "Prompt behind “yo”" in kept and "You are &lt;b&gt;Mika&lt;/b&gt;." in kept and "tokens are free" not in kept
    assert "Mika" not in handlers.exact(KEY, opened.id, "", 0, "text", True, visit("en"))  # the user's words
