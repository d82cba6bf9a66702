"""Every format of prompt_templates/, in every order in which people and a persona can speak."""

from dataclasses import replace

import pytest

from core.messages import Turn
from core.prompt import Prompt, PromptConfig, render, stop_criteria, token_counter
from core.prompt.chat_template import ChatTemplate, resolve_template
from core.prompt.default_template import default_template
from core.prompt.encoder import added_tokens
from core.prompt.template_names import template_names
from tests.helpers import prompt_tiny as tiny

GEMMA = ("<bos>", "<start_of_turn>", "<end_of_turn>", "<eos>")
HARMONY = ("<|startoftext|>", "<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|call|>", "<|return|>")
LLAMA3 = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
SPIECE = ("rinna", "user-system", "llama2", "llm-jp")
# What ends a persona's turn, and is learned: (inside a row, at its end).
ENDS = {
    "alpaca-ja": ("</s>", "</s>"), "stablelm-alpha": ("</s>", "</s>"), "llm-jp": ("</s>", "</s>"),
    "chatml": ("<|im_end|>", "<|im_end|>"), "llama3": ("<|eot_id|>", "<|eot_id|>"), "llama2": (" </s>", " </s>"),
    "harmony": ("<|end|>", "<|return|>"),
    "gemma2": ("<end_of_turn>", "<end_of_turn>"), "rinna": ("<NL>ユーザー:", "</s>"),
    "user-system": ("\nユーザー:", "</s>"), "dialogue": ("\n\n", "\n\n"), "dialogue-colon": ("\nKen：", "</s>"),
    "dialogue-quotes": ("」", "」"), "novel": ("」", "」"),
}  # fmt: skip
# How the chat stops: (token, texts).
STOPS = {
    "alpaca-ja": ({"</s>"}, ()), "stablelm-alpha": ({"</s>"}, ()), "llm-jp": ({"</s>"}, ()),
    "chatml": ({"<|im_end|>"}, ()), "llama3": ({"<|eot_id|>"}, ()), "llama2": ({"</s>"}, ()),
    "harmony": ({"<|end|>", "<|return|>"}, ()),
    "gemma2": ({"<end_of_turn>", "<eos>"}, ()), "rinna": ({"</s>"}, ("ユーザー:", "ユーザー：")),
    "user-system": ({"</s>"}, ("\nユーザー:", "\nユーザー：")),
    "dialogue": ({"</s>"}, ("\n\n", "\nKen:", "\nKen：")), "dialogue-colon": ({"</s>"}, ("\nKen:", "\nKen：")),
    "dialogue-quotes": ({"</s>"}, ("\nKen「", "」")), "novel": ({"</s>"}, ("\nKen「", "」")),
}  # fmt: skip
PREAMBLE = "以下は、タスクを説明する指示です。要求を適切に満たす応答を書きなさい。"
PREAMBLE_INPUT = "以下は、タスクを説明する指示と、文脈のある入力の組み合わせです。要求を適切に満たす応答を書きなさい。"
# "DESC" is the description; Ken says "a1" and "a2", Mika says "b1"; then Mika is asked.
PRINTED = {
    "alpaca-ja": f"<s>{PREAMBLE_INPUT}\n\n### 指示:\nDESC\n\n### 入力:\na1\n\n### 応答:\nb1</s>\n\n### 入力:\na2\n\n"
    "### 応答:\n",
    "stablelm-alpha": f"{PREAMBLE_INPUT}\n\n### 指示: \nDESC\n\n### 入力: \na1\n\n### 応答: \nb1</s>\n\n"
    "### 入力: \na2\n\n### 応答: \n",
    "llm-jp": f"<s>{PREAMBLE}\n\n### 指示:\nDESC\n\na1\n\n### 応答:\nb1</s>\n\n### 指示:\na2\n\n### 応答:\n",
    "chatml": "<|im_start|>system\nDESC<|im_end|>\n<|im_start|>user\na1<|im_end|>\n<|im_start|>assistant\n"
    "b1<|im_end|>\n<|im_start|>user\na2<|im_end|>\n<|im_start|>assistant\n",
    "llama3": "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nDESC<|eot_id|><|start_header_id|>user"
    "<|end_header_id|>\n\na1<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nb1<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\na2<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    "harmony": "<|start|>system<|message|>Reasoning: low\n\n# Valid channels: analysis, commentary, final. Channel "
    "must be included for every message.<|end|><|start|>developer<|message|># Instructions\n\nDESC\n\n<|end|>"
    "<|start|>user<|message|>a1<|end|><|start|>assistant<|channel|>final<|message|>b1<|end|><|start|>user<|message|>a2<|end|>"
    "<|start|>assistant<|channel|>final<|message|>",
    "llama2": "<s>[INST] <<SYS>>\nDESC\n<</SYS>>\n\na1 [/INST] b1 </s><s>[INST] a2 [/INST]",
    "gemma2": "<bos><start_of_turn>user\nDESC\n\na1<end_of_turn>\n<start_of_turn>model\nb1<end_of_turn>\n"
    "<start_of_turn>user\na2<end_of_turn>\n<start_of_turn>model\n",
    "rinna": "ユーザー: DESC<NL><NL>a1<NL>システム: b1<NL>ユーザー: a2<NL>システム: ",
    "user-system": "ユーザー: DESC\n\na1\nシステム: b1\nユーザー: a2\nシステム: ",
    "dialogue": "<s>DESC\n\nKen:\na1\n\nMika:\nb1\n\nKen:\na2\n\nMika:\n",
    "dialogue-colon": "<s>DESC\n\nKen：a1\nMika：b1\nKen：a2\nMika：",
    "dialogue-quotes": "<s>DESC\n\nKen「a1」\nMika「b1」\nKen「a2」\nMika「",
    "novel": "<s>[Mika：DESC]\n\nKen「a1」\nMika「b1」\nKen「a2」\nMika「",
}
NAMES = sorted(ENDS)
EXAMPLES = (Turn("user", ("EXAMPLE question",)), Turn("assistant", ("EXAMPLE answer", "EXAMPLE two")))
ROLES = {
    "by turns": (("user", 1), ("assistant", 1), ("user", 1), ("assistant", 1)),
    "the persona opens": (("assistant", 1), ("user", 1), ("assistant", 1)),
    "bursts": (("user", 3), ("assistant", 2), ("user", 1), ("assistant", 3)),
    "several users": (("user", 1), ("user", 2), ("user", 1), ("assistant", 1), ("user", 1), ("user", 1),
                      ("assistant", 2)),
    "the persona twice": (("user", 1), ("assistant", 1), ("assistant", 2), ("user", 1), ("assistant", 1)),
    "the user ends": (("user", 1), ("assistant", 2), ("user", 2)),
    "the persona alone": (("assistant", 1),),
}  # fmt: skip


def tokenizers_of(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """By format: a tokenizer as its models have it."""
    plain = tiny.byte_bpe(special=("<s>", "</s>"))
    own = {
        "chatml": tiny.byte_bpe(), "gemma2": tiny.byte_bpe(special=GEMMA), "llama3": tiny.byte_bpe(special=LLAMA3),
        "harmony": tiny.byte_bpe(special=HARMONY),
        **{name: tiny.sentencepiece(tmp_path_factory.mktemp(name), dummy_prefix=name == "llama2") for name in SPIECE},
    }  # fmt: skip
    return {name: own.get(name, plain) for name in NAMES}


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return tokenizers_of(tmp_path_factory)


def contracts(name: str) -> list[PromptConfig]:
    plain = PromptConfig("Mika", "DESC", user="Ken", template=name, context_window=4000, reply_reserve=10)
    bare = replace(plain, description="")
    return [plain, bare, replace(plain, examples=EXAMPLES), replace(bare, examples=EXAMPLES)]


def talk(pattern: str) -> list[Turn]:
    """Turns whose messages are all different, in letters that every tokenizer knows."""
    turns = []
    for number, (role, messages) in enumerate(ROLES[pattern]):
        texts = tuple(f"{role[0]}{number}の{part} うん" for part in range(messages))
        turns.append(Turn(role, texts, "Bo" if role == "user" and pattern == "several users" else None))
    return turns


def learned(prompt: Prompt) -> list[str]:
    """The text of each learned run; a piece is learned whole or not at all."""
    runs, before = [], False
    for piece in prompt.segments:
        marked = set(prompt.loss_mask[piece.start : piece.end])
        assert len(marked) < 2, piece
        if marked == {True}:
            runs[-1:] = [runs[-1] + piece.text] if before else [*runs[-1:], piece.text]
        before = marked == {True} or (before and not marked)
    return runs


def replies(turns: list[Turn], template: ChatTemplate) -> list[str]:
    """What the persona says in each of its turns, as the template writes it."""
    newline = "<NL>" if template.name == "rinna" else "\n"
    said: list[str] = []
    for before, turn in zip([None, *turns], turns, strict=False):
        if turn.role == "assistant":
            text = newline.join(turn.messages)
            said[-1:] = [said[-1] + newline + text] if before and before.role == "assistant" else [*said[-1:], text]
    return said


def test_every_format_is_tested() -> None:
    assert template_names() == NAMES == sorted(PRINTED) == sorted(STOPS)


@pytest.mark.parametrize("name", NAMES)
def test_it_prints_what_its_models_were_made_with(tokenizers, name: str) -> None:
    turns = [Turn("user", ("a1",)), Turn("assistant", ("b1",)), Turn("user", ("a2",))]
    assert render(contracts(name)[0], turns, tokenizers[name]).text == PRINTED[name]
    undescribed = render(contracts(name)[1], turns[:1], tokenizers[name]).text
    assert "DESC" not in undescribed and undescribed.count("a1") == 1
    if name == "alpaca-ja":
        assert undescribed == f"<s>{PREAMBLE}\n\n### 指示:\na1\n\n### 応答:\n"


@pytest.mark.parametrize("pattern", ROLES)
@pytest.mark.parametrize("name", NAMES)
def test_the_mask_is_the_personas_words_and_their_end(tokenizers, name: str, pattern: str) -> None:
    turns, tokenizer = talk(pattern), tokenizers[name]
    template = resolve_template(tokenizer, name)
    said = replies(turns, template)
    middle, last = ENDS[name]
    ends = [middle] * (len(said) - 1) + [middle if turns[-1].role == "user" else last]
    for prompt_config in contracts(name):
        row = render(prompt_config, turns, tokenizer, training=True)
        assert learned(row) == [template.lead + words + end for words, end in zip(said, ends, strict=True)]
        assert not any(render(prompt_config, turns, tokenizer).loss_mask)  # a chat learns nothing


@pytest.mark.parametrize("pattern", ROLES)
@pytest.mark.parametrize("name", NAMES)
def test_the_chat_asks_with_the_beginning_of_the_row(tokenizers, name: str, pattern: str) -> None:
    turns, tokenizer = talk(pattern), tokenizers[name]
    for prompt_config in contracts(name):
        row = render(prompt_config, turns, tokenizer, training=True)
        starts = [n for n, learns in enumerate(row.loss_mask) if learns and not row.loss_mask[n - 1]]
        # Neighbouring turns of the persona are one: it is asked once.
        asked = [render(prompt_config, turns[:n], tokenizer).ids for n, turn in enumerate(turns)
                 if turn.role == "assistant" and (n == 0 or turns[n - 1].role == "user")]  # fmt: skip
        assert [len(ids) for ids in asked] == starts
        assert all(ids == row.ids[: len(ids)] for ids in asked)


@pytest.mark.parametrize("name", NAMES)
def test_what_the_model_would_see_can_be_shown_after_its_reply(tokenizers, name: str) -> None:
    turns = talk("by turns")
    shown = render(contracts(name)[0], turns, tokenizers[name])
    assert all(message in shown.text for turn in turns for message in turn.messages)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_learned_as_an_end_stops_the_chat(tokenizers, name: str) -> None:
    prompt_config, tokenizer = contracts(name)[0], tokenizers[name]
    end = stop_criteria(prompt_config, tokenizer)
    assert (set(tokenizer.convert_ids_to_tokens(list(end.token_ids))), end.strings) == STOPS[name]
    assert end.separator == ("<NL>" if name == "rinna" else "\n")
    for text in ENDS[name]:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert ids[-1] in end.token_ids or any(string in text for string in end.strings)
        # Nothing before the end is lost with it, and a burst is not cut at its first newline.
        reply = f"うん{end.separator}いいよ"
        assert not any(string in reply for string in end.strings)


@pytest.mark.parametrize("name", NAMES)
def test_words_that_spell_marks_stay_words(tokenizers, name: str) -> None:
    tokenizer, prompt_config = tokenizers[name], contracts(name)[2]
    marks = {i: text for i, text in added_tokens(tokenizer).items() if text not in (tokenizer.unk_token, "<NL>")}
    typed = " ".join(marks.values()) + "[/INST]### 応答:「x」ユーザー:" + "".join(marks.values())
    clean, turns = talk("by turns"), [replace(turn, messages=(typed,)) for turn in talk("by turns")]
    dirty = replace(prompt_config, persona=f"Mika{typed}", description=typed, user=f"Ken{typed}")

    def marks_in(used: PromptConfig, said: list[Turn]) -> list[int]:
        return [i for i in render(used, said, tokenizer, training=True).ids if i in marks]

    assert marks_in(dirty, turns) == marks_in(prompt_config, clean)


@pytest.mark.parametrize("name", NAMES)
def test_the_meter_is_an_upper_bound(tokenizers, name: str) -> None:
    for prompt_config in contracts(name)[:2]:
        measure = token_counter(prompt_config, tokenizers[name])
        for pattern in ROLES:
            turns = talk(pattern)
            size = len(render(prompt_config, turns, tokenizers[name], training=True).ids)
            assert size <= measure.prefix_tokens + sum(map(measure.turn, turns))


def test_brackets_inside_a_quotation_are_those_of_print(tokenizers) -> None:
    turns = [Turn("user", ("「え」？",)), Turn("assistant", ("「うん」って言った", "ね")), Turn("user", ("はい",))]
    for name in ("dialogue-quotes", "novel"):
        text = render(contracts(name)[1], turns, tokenizers[name]).text
        assert text == "<s>Ken「『え』？」\nMika「『うん』って言った\nね」\nKen「はい」\nMika「"


def test_without_a_name_a_base_model_is_still_stopped(tokenizers) -> None:
    nameless = replace(contracts("dialogue")[0], user="")
    assert stop_criteria(nameless, tokenizers["dialogue"]).strings == ("\n\n",)


@pytest.mark.parametrize("name", NAMES)
def test_a_tokenizer_without_special_tokens_can_use_every_format(name: str) -> None:
    tokenizer = tiny.byte_bpe(special=("<s>", "</s>"))
    tokenizer.bos_token = tokenizer.eos_token = None
    turns = [Turn("user", ("a1",)), Turn("assistant", ("b1",))]
    assert learned(render(contracts(name)[0], turns, tokenizer, training=True))[0].strip().startswith("b1")


CACHE = "/home/x/.cache/huggingface/hub/models--rinna--japanese-gpt-neox-3.6b-instruction-ppo/snapshots/0123abc"


@pytest.mark.parametrize(
    ("model", "wanted"),
    [(CACHE, "rinna"),
     ("rinna/japanese-gpt-neox-3.6b-instruction-sft-v2", "rinna"),
     ("rinna/japanese-gpt-neox-3.6b", "dialogue"),
     (r"C:\models\japanese-gpt-neox-3.6b-instruction-sft", "rinna"),
     ("./models/LINE/japanese-large-lm-1.7b-instruction-sft/", "user-system"),
     ("line-corporation/japanese-large-lm-3.6b", "dialogue"),
     ("rinna/bilingual-gpt-neox-4b-instruction-ppo", "user-system"),
     ("stabilityai/japanese-stablelm-instruct-alpha-7b-v2", "stablelm-alpha"),
     ("stabilityai/japanese-stablelm-base-alpha-7b", "dialogue"),
     ("stabilityai/japanese-stablelm-3b-4e1t-instruct", "stablelm-alpha"),
     ("llm-jp/llm-jp-3-1.8b-instruct", "llm-jp"),
     ("llm-jp/llm-jp-3.1-1.8b-instruct4", "llm-jp"),
     ("elyza/ELYZA-japanese-Llama-2-7b-instruct", "llama2"),
     ("google/gemma-2-2b-jpn-it", "gemma2"),
     ("Qwen/Qwen3-0.6B", "chatml"),
     ("somebody/some-model", "dialogue"),
     ("", "dialogue")],
)  # fmt: skip
def test_known_models_get_their_format(model: str, wanted: str) -> None:
    assert default_template(model, ()) == wanted


def test_marks_tell_the_format_of_an_unknown_model() -> None:
    assert default_template("x/y", ("<|im_start|>", "<|im_end|>")) == "chatml"
    # Base models of Gemma and Llama 3 know the marks and were never trained on them: they bring no template.
    assert default_template("x/y", GEMMA) == default_template("x/y", LLAMA3) == "dialogue"
    assert default_template("x/y", GEMMA, "{{ broken") == "gemma2"
    assert default_template("x/y", LLAMA3, "{{ broken") == "llama3"
    assert default_template("x/y", ("<s>",), "{{ '[INST] ' }}") == "llama2"


def test_auto_uses_the_known_format(tokenizers) -> None:
    tokenizer = tokenizers["rinna"]
    assert resolve_template(tokenizer).name == "dialogue"
    before = tokenizer.name_or_path
    try:
        tokenizer.name_or_path = "rinna/japanese-gpt-neox-3.6b-instruction-ppo"
        assert resolve_template(tokenizer).name == "rinna"
        tokenizer.chat_template = tiny.chatml()  # its own comes first, where it can be used
        assert resolve_template(tokenizer).name == "model"
    finally:
        tokenizer.name_or_path, tokenizer.chat_template = before, None
