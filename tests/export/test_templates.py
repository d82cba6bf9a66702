"""Other programs ask as this one does: the chat template and the Modelfile print what `render` prints."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from core.errors import ModelError
from core.export.chat_template import chat_template
from core.export.ollama import frame_of, modelfile
from core.messages import Turn, to_chat_messages
from core.prompt import PromptConfig, render, stop_criteria
from core.prompt.chat_template import resolve_template
from tests.helpers import prompt_tiny as tiny
from tests.helpers.go_template_tiny import go_render, read_modelfile
from tests.prompt.test_default_template import EXAMPLES, NAMES, tokenizers_of

PROMPT_CONFIG = PromptConfig(persona="Mi'ka \"M\"", description="You are Mika.\n{{ persona }}", user="Ken",
                          context_window=100_000)  # fmt: skip
CONTRACTS = {
    "plain": PROMPT_CONFIG,
    "with examples": replace(PROMPT_CONFIG, examples=EXAMPLES, separator=" / ", reply_format="In one line."),
    "nobody described": replace(PROMPT_CONFIG, description="", opening="(…)"),
}


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return tokenizers_of(tmp_path_factory)


def talks() -> list[list[Turn]]:
    """Conversations that either side begins, with bursts; the last words are the user's, or there are none."""
    begun = [tiny.random_talk(seed, 2 * seed + 1) for seed in range(3)]
    answered = [tiny.random_talk(seed, 2 * seed + 2, opens="assistant") for seed in range(2)]
    group = [[Turn("user", ("hi", "you"), "Ann"), Turn("user", ("hm",), "Bob"), Turn("assistant", ("yes",)),
              Turn("user", ("ok",), "Bob")]]  # fmt: skip
    return [*begun, *answered, *group, []]


def spoken(turns: Sequence[Turn]) -> list[dict]:
    return to_chat_messages(turns) or [{"role": "user", "content": " "}]  # transformers renders no empty chat


@pytest.mark.parametrize("kind", CONTRACTS)
@pytest.mark.parametrize("name", NAMES)
def test_the_chat_template_prints_what_the_chat_asks_with(tokenizers, name: str, kind: str) -> None:
    tokenizer = tokenizers[name]
    prompt_config = replace(CONTRACTS[kind], template=name)
    template = chat_template(resolve_template(tokenizer, name), prompt_config)
    for turns in talks():
        ours = render(prompt_config, turns, tokenizer).text
        theirs = tokenizer.apply_chat_template(
            spoken(turns), chat_template=template, tokenize=False, add_generation_prompt=True
        )
        assert theirs == ours


def test_a_system_text_of_the_callers_takes_the_place_of_the_description(tokenizers) -> None:
    tokenizer = tokenizers["chatml"]
    template = chat_template(resolve_template(tokenizer, "chatml"), replace(PROMPT_CONFIG, template="chatml"))
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]
    text = tokenizer.apply_chat_template(chat, chat_template=template, tokenize=False)
    assert "Be brief." in text and "You are Mika" not in text


@pytest.mark.parametrize("kind", CONTRACTS)
@pytest.mark.parametrize("name", NAMES)
def test_the_modelfile_prints_and_stops_as_the_chat_does(tokenizers, name: str, kind: str) -> None:
    tokenizer = tokenizers[name]
    prompt_config = replace(CONTRACTS[kind], template=name, separator="\n")
    said = read_modelfile(modelfile(prompt_config, tokenizer))
    values = dict(said)
    before = [("system", values["SYSTEM"])] if "SYSTEM" in values else []
    before += [(what.split()[1], text) for what, text in said if what.startswith("MESSAGE")]
    bos = dict(resolve_template(tokenizer, name).tokens)["bos_token"]
    for count in (1, 3, 7):
        turns = [Turn(role, (f"words {n}",)) for n, role in zip(range(count), ("user", "assistant") * 4, strict=False)]
        asked = go_render(values["TEMPLATE"], before + [(turn.role, turn.messages[0]) for turn in turns])
        assert asked == render(prompt_config, turns, tokenizer).text.removeprefix(bos)
    ends = stop_criteria(prompt_config, tokenizer)
    marks = tokenizer.convert_ids_to_tokens(list(ends.token_ids))
    assert [text for what, text in said if what == "PARAMETER stop"] == [*marks, *ends.strings]
    assert values["PARAMETER num_ctx"] == "100000"


def test_a_layout_that_looks_further_back_gets_no_modelfile() -> None:
    tokenizer = tiny.byte_bpe(template=tiny.chatml().replace("message.role + '\\n'", "message.role ~ loop.index"))
    with pytest.raises(ModelError, match="cannot be said in an Ollama template"):
        frame_of(resolve_template(tokenizer, "model"), PROMPT_CONFIG)
