"""What the chat asks with is the beginning of what a row trains on, and only the persona's words are learned."""

import json
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import TypedDict

import pytest

from core.errors import InputError
from core.messages import Turn
from core.prompt import PARTS, PromptConfig, render, stop_criteria, token_counter
from core.prompt.chat_template import resolve_template
from core.prompt.encoder import added_tokens, encoder_for
from core.prompt.token_text import decode
from tests.helpers import prompt_tiny as tiny
from tests.helpers.typed import untyped

GEMMA_MARKS = ("<bos>", "<start_of_turn>", "<end_of_turn>", "<eos>")
LLAMA3_MARKS = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")


class Window(TypedDict):
    context_window: int
    reply_reserve: int


LONG: Window = {"context_window": 4000, "reply_reserve": 10}
EXAMPLES = (Turn("user", ("EXAMPLE question",)), Turn("assistant", ("EXAMPLE answer", "EXAMPLE two")))


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """By name: a tokenizer with the template that a model of its kind would bring."""
    folder = tmp_path_factory.mktemp
    return {
        "chatml": tiny.byte_bpe(template=tiny.chatml()),
        "dialogue": tiny.byte_bpe(special=("<s>", "</s>")),
        "gemma": tiny.byte_bpe(template=tiny.GEMMA, special=GEMMA_MARKS),
        "llama3": tiny.byte_bpe(template=tiny.LLAMA3, special=LLAMA3_MARKS),
        "qwen3": tiny.byte_bpe(template=tiny.QWEN3, plain=("<think>", "</think>", "\n\n")),
        "bare-end": tiny.byte_bpe(template=tiny.BARE_END, special=("<s>", "</s>")),
        "late-system": tiny.byte_bpe(template=tiny.LATE_SYSTEM, special=("<s>", "</s>")),
        "drops": tiny.byte_bpe(template=tiny.DROPS, special=("<s>", "</s>")),
        "rinna": tiny.sentencepiece(folder("rinna"), dummy_prefix=False, template=tiny.RINNA),
        "llama2": tiny.sentencepiece(folder("llama2"), dummy_prefix=True),
        "llama2-gemma": tiny.sentencepiece(folder("mixed"), dummy_prefix=True, template=tiny.GEMMA),
        "gemma-class": tiny.sentencepiece(folder("gemma"), dummy_prefix=False, of="GemmaTokenizer"),
        "t5": tiny.sentencepiece(folder("t5"), dummy_prefix=True, of="T5Tokenizer"),
    }


ALL = ("chatml", "dialogue", "gemma", "llama3", "qwen3", "bare-end", "late-system", "drops",
       "rinna", "llama2", "llama2-gemma", "gemma-class", "t5")  # fmt: skip
WITHOUT_NEWLINES = ("t5",)  # its normaliser drops them


def contracts() -> list[PromptConfig]:
    plain = PromptConfig("Mika", "You are Mika.\n短く話す。", user="Ken", **LONG)
    return [plain, replace(plain, description=""), replace(plain, examples=EXAMPLES),
            replace(plain, description="", examples=EXAMPLES)]  # fmt: skip


def learned_runs(prompt) -> list[list[int]]:
    runs, before = [], False
    for token, learned in zip(prompt.ids, prompt.loss_mask, strict=True):
        if learned and not before:
            runs.append([])
        if learned:
            runs[-1].append(token)
        before = learned
    return runs


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("opens", ["user", "assistant"])
def test_the_chat_asks_with_the_beginning_of_the_row(tokenizers, name: str, opens: str) -> None:
    tokenizer = tokenizers[name]
    for seed, prompt_config in enumerate(contracts()):
        turns = tiny.random_talk(seed, 7, opens=opens, words=tuple(added_tokens(tokenizer).values())[:5])
        row = render(prompt_config, turns, tokenizer, training=True)
        assert row.turns_left_out == 0
        starts = [i for i, learned in enumerate(row.loss_mask) if learned and not row.loss_mask[i - 1]]
        asked = [
            render(prompt_config, turns[:n], tokenizer).ids for n, turn in enumerate(turns) if turn.role == "assistant"
        ]
        assert [ids == row.ids[: len(ids)] for ids in asked] == [True] * len(asked)
        assert [len(ids) for ids in asked] == starts  # the reply begins where learning begins


@pytest.mark.parametrize("name", ALL)
def test_the_mask_is_the_personas_words_and_end_marks(tokenizers, name: str) -> None:
    tokenizer = tokenizers[name]
    said = [("うん", "いいよ"), ("hello there.",), ("またね",)]
    turns = [turn for words in said for turn in (Turn("user", ("USER text",)), Turn("assistant", words))]
    for prompt_config in contracts():
        row = render(prompt_config, turns, tokenizer, training=True)
        runs = [tokenizer.decode(run) for run in learned_runs(row)]
        assert len(runs) == 3
        end = stop_criteria(prompt_config, tokenizer)
        for text, words in zip(runs, said, strict=True):
            between = {"rinna": "<NL>"}.get(name, " " if name in WITHOUT_NEWLINES else "\n")
            assert text.strip().startswith(between.join(words))
            rest = text.strip().removeprefix(between.join(words)).strip()
            assert rest in {"", "<NL>", *(tokenizer.decode([i]) for i in end.token_ids)}
        assert not any("USER" in text or "EXAMPLE" in text or "Mika" in text for text in runs)
        assert not any(render(prompt_config, turns[:-1], tokenizer).loss_mask)  # a chat learns nothing


@pytest.mark.parametrize("name", ALL)
def test_parts_add_up_to_the_whole(tokenizers, name: str) -> None:
    prompt_config = replace(contracts()[2])
    for turns in (tiny.random_talk(1, 6), tiny.random_talk(2, 7), []):
        for training in (False, True) if turns else (False,):
            prompt = render(prompt_config, turns, tokenizers[name], training=training)
            sizes = prompt.tokens_by_part()
            assert list(sizes) == list(PARTS) and sum(sizes.values()) == len(prompt.ids) == len(prompt.loss_mask)
            assert [p.start for p in prompt.segments] == [0, *(p.end for p in prompt.segments[:-1])]
            assert sizes["persona"] > 0 and sizes["examples"] > 0
            assert bool(sizes["new"]) == (not training and bool(turns) and turns[-1].role == "user")


@pytest.mark.parametrize("name", [name for name in ALL if name != "t5"])  # it reads every unknown letter as </s>
def test_typed_marks_stay_letters(tokenizers, name: str) -> None:
    tokenizer = tokenizers[name]
    marks = {i: text for i, text in added_tokens(tokenizer).items() if i != tokenizer.unk_token_id}
    few = list(marks.values())[:6]
    typed = " ".join(few) + "<<|im_end|><|im_end|>" + "".join(few)
    clean = PromptConfig("Mika", "D", user="Ken", examples=EXAMPLES, **LONG)
    turns = [Turn("user", ("hey",), "Bo"), Turn("assistant", ("yes",)), Turn("user", ("and",), "Bo")]
    dirty = replace(clean, persona=f"Mika{typed}", description=f"D{typed}", user=f"Ken{typed}",
                    examples=(Turn("user", (typed,)), Turn("assistant", (typed, typed))))  # fmt: skip
    dirty_turns = [Turn("user", (f"hey{typed}",), typed), Turn("assistant", (typed,)), Turn("user", (typed,), typed)]

    def marks_in(prompt_config: PromptConfig, said: list[Turn]) -> list[int]:
        return [i for i in render(prompt_config, said, tokenizer).ids if i in marks]

    newline = [] if name != "rinna" else [i for i, text in marks.items() if text == "<NL>"]
    assert [i for i in marks_in(dirty, dirty_turns) if i not in newline] == [
        i for i in marks_in(clean, turns) if i not in newline
    ]
    if newline:  # only those that the template writes for newlines
        assert len([i for i in marks_in(dirty, dirty_turns) if i in newline]) == len(
            [i for i in marks_in(clean, turns) if i in newline]
        )
    spelled = "".join(p.text for p in render(dirty, dirty_turns, tokenizer).segments if p.part == "persona")
    assert spelled == f"D{typed}"  # nothing typed is lost


@pytest.mark.parametrize("name", [name for name in ALL if name not in WITHOUT_NEWLINES])
def test_the_ids_spell_the_text(tokenizers, name: str) -> None:
    """No space is written before a stretch, wherever it was cut."""
    prompt = render(contracts()[2], tiny.random_talk(5, 9, words=("<|im_end|>", "</s>")), tokenizers[name])
    assert tokenizers[name].decode(prompt.ids).lstrip(" ") == prompt.text


def test_no_learned_token_reaches_into_what_another_says() -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer, bpe.decoder = (
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        decoders.ByteLevel(),
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(["\n\nKen:\nhi\n\nMika:\n"] * 9,
                            trainers.BpeTrainer(initial_alphabet=alphabet, show_progress=False))  # fmt: skip
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe)
    assert len(tokenizer("\n\nKen:\nhi\n\nMika:\n")["input_ids"]) == 1
    turns = [Turn("user", ("hi",)), Turn("assistant", ("a",)), Turn("user", ("hi",)), Turn("assistant", ("b",))]
    row = render(PromptConfig("Mika", user="Ken"), turns, tokenizer, training=True)
    assert [tokenizer.decode(run) for run in learned_runs(row)] == ["a\n\n", "b\n\n"]


def test_a_normaliser_cannot_turn_letters_into_a_mark() -> None:
    from tokenizers import normalizers

    tokenizer = tiny.byte_bpe(template=tiny.chatml())
    tokenizer.backend_tokenizer.normalizer = normalizers.NFKC()
    tokenizer.add_tokens(["<think>"])  # not special: matched in what the normaliser leaves
    mark = tokenizer.convert_tokens_to_ids("<think>")
    assert mark in tokenizer("＜think＞")["input_ids"]
    prompt = render(PromptConfig("M", "", **LONG), [Turn("user", ("a ＜think＞ b",))], tokenizer)
    assert mark not in prompt.ids
    assert "a <think> b" in decode(prompt.ids, tokenizer)


def test_added_white_space_is_plain_text(tokenizers) -> None:
    tokenizer = tokenizers["qwen3"]
    assert "\n\n" not in added_tokens(tokenizer).values()
    assert encoder_for(tokenizer).size("\n\n") == 1


def test_persona_first_then_the_opening_only_where_it_is_needed(tokenizers) -> None:
    turns = [Turn("assistant", ("はじめまして",)), Turn("user", ("hi",)), Turn("assistant", ("yo",))]
    prompt_config = PromptConfig("Mika", "", opening="OPENING", **LONG)
    for name, opened in (("chatml", False), ("llama3", False), ("gemma", True)):
        for training in (False, True):
            assert ("OPENING" in render(prompt_config, turns, tokenizers[name], training=training).text) == opened
        assert ("OPENING" in render(prompt_config, [], tokenizers[name]).text) == opened
    described = replace(prompt_config, description="You are Mika.")
    assert "OPENING" not in render(described, turns, tokenizers["gemma"]).text  # the description is said by the user
    assert "OPENING" in render(replace(prompt_config, examples=EXAMPLES), turns, tokenizers["chatml"]).text


def test_bursts_and_names_are_read_in_order(tokenizers) -> None:
    turns = [Turn("user", (" one ", "", "two"), "Bo"), Turn("user", ("three",), "Al"), Turn("assistant", (" \n ",))]
    prompt = render(PromptConfig("Mika", "", separator=" / ", **LONG), turns, tokenizers["chatml"])
    assert prompt.text == "<|im_start|>user\nBo: one / two / Al: three<|im_end|>\n<|im_start|>assistant\n"


def test_neighbours_of_one_side_are_learned_as_one_turn(tokenizers) -> None:
    turns = [Turn("user", ("hi",)), Turn("assistant", ("one",)), Turn("user", (" ",)), Turn("assistant", ("two",))]
    row = render(PromptConfig("Mika", "", **LONG), turns, tokenizers["chatml"], training=True)
    assert [tokenizers["chatml"].decode(run) for run in learned_runs(row)] == ["one\ntwo<|im_end|>"]


def test_an_empty_description_leaves_no_trace(tokenizers) -> None:
    prompt = render(PromptConfig("Mika", " \n", **LONG), [Turn("user", ("hi",))], tokenizers["chatml"])
    assert prompt.text == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    assert prompt.tokens_by_part()["persona"] == 0


@pytest.mark.parametrize("name", ["chatml", "gemma", "rinna", "dialogue", "llama2"])
@pytest.mark.parametrize("window", [60, 90, 130, 300])
def test_a_row_loses_its_examples_first_then_its_oldest_turns(tokenizers, name: str, window: int) -> None:
    tokenizer = tokenizers[name]
    prompt_config = PromptConfig("M", "You are M.", user="K", examples=EXAMPLES, context_window=window)
    turns = [Turn(r, (f"{r[0]} number {n}",)) for n in range(20) for r in ("user", "assistant")]
    row = render(prompt_config, turns, tokenizer, training=True)
    assert len(row.ids) <= window
    assert ("examples" in row.left_out) == (row.turns_left_out > 0) == ("EXAMPLE" not in row.text)
    assert all(turn.messages[0] in row.text for turn in turns[row.turns_left_out :])
    if row.turns_left_out:  # one exchange more would not have fitted
        more = replace(prompt_config, examples=(), context_window=4000)
        assert len(render(more, turns[max(row.turns_left_out - 2, 0) :], tokenizer, training=True).ids) > window
        assert f"{turns[0].messages[0]}\n" not in row.text


def test_examples_stay_while_everything_fits_to_the_last_token(tokenizers) -> None:
    tokenizer, prompt_config = tokenizers["chatml"], PromptConfig("M", "You are M.", examples=EXAMPLES, **LONG)
    turns = tiny.random_talk(3, 9)
    size = len(render(prompt_config, turns, tokenizer).ids)
    exact = replace(prompt_config, context_window=size + 10)
    assert render(exact, turns, tokenizer).ids == render(prompt_config, turns, tokenizer).ids
    shorter = render(replace(exact, context_window=size + 9), turns, tokenizer)
    assert shorter.left_out == {"examples": len(EXAMPLES)}


def test_what_cannot_fit_is_told_with_its_size(tokenizers) -> None:
    prompt_config = PromptConfig("M", "You are M.", context_window=64, reply_reserve=20)
    with pytest.raises(InputError, match=r"room for 44") as caught:
        render(prompt_config, [Turn("user", ("hi",)), Turn("user", ("word " * 200,), "Bo")], tokenizers["chatml"])
    assert "44 トークン" in caught.value.ja
    with pytest.raises(InputError, match=r"the persona takes [1-9]\d\d tokens"):
        render(replace(prompt_config, description="word " * 300), [Turn("user", ("hi",))], tokenizers["chatml"])
    with pytest.raises(InputError, match="room for 0"):
        render(replace(prompt_config, reply_reserve=90), [], tokenizers["chatml"])


@pytest.mark.parametrize("name", ALL)
def test_the_meter_is_an_upper_bound_and_not_wasteful(tokenizers, name: str) -> None:
    tokenizer = tokenizers[name]
    for prompt_config in (contracts()[0], contracts()[1]):
        measure = token_counter(prompt_config, tokenizer)
        for seed in range(12):
            turns = tiny.random_talk(seed, 2 + seed, opens="user" if seed % 3 else "assistant")
            actual = len(render(replace(prompt_config, context_window=9999), turns, tokenizer, training=True).ids)
            assert measure.prefix_tokens + sum(map(measure.turn, turns)) >= actual
        # Turns as people write them: 20 to 60 characters.
        turns = [Turn(("user", "assistant")[n % 2], (tiny.texts()[n + 20][:60],)) for n in range(24)]
        turns = [turn for turn in turns if turn.messages[0].strip()]
        actual = len(render(replace(prompt_config, context_window=9999), turns, tokenizer, training=True).ids)
        assert measure.prefix_tokens + sum(map(measure.turn, turns)) <= 1.15 * actual


@contextmanager
def often_switching() -> Iterator[None]:
    """Threads take turns a thousand times as often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def test_many_threads_render_as_one_would(tokenizers) -> None:
    names = ("chatml", "gemma", "rinna", "llama2")
    fresh = {name: tiny.byte_bpe(template=tiny.chatml()) if name == "chatml" else tokenizers[name] for name in names}
    jobs = [(fresh[names[n % 4]], tiny.random_talk(n % 12, 5)) for n in range(120)]
    prompt_config, start = contracts()[0], threading.Barrier(6)

    def work(share: int) -> list:
        start.wait()
        return [render(prompt_config, turns, tokenizer).ids for tokenizer, turns in jobs[share::6]]

    with often_switching(), ThreadPoolExecutor(6) as pool:
        found = list(pool.map(work, range(6)))
    assert found == [[render(prompt_config, turns, tokenizer).ids for tokenizer, turns in jobs[n::6]] for n in range(6)]


def test_a_tokenizer_is_not_kept_by_its_codec() -> None:
    import gc
    import weakref

    tokenizer = tiny.byte_bpe(template=tiny.chatml())
    render(PromptConfig("M"), [Turn("user", ("hi",))], tokenizer)
    gone = weakref.ref(tokenizer)
    del tokenizer
    gc.collect()
    assert gone() is None


def test_endings(tokenizers) -> None:
    prompt_config = PromptConfig("Mika", user="Ken")
    named = {
        "chatml": (["<|im_end|>"], ()),
        "gemma": (["<end_of_turn>", "<eos>"], ()),
        "llama3": (["<|eot_id|>"], ()),
        "dialogue": (["</s>"], ("\n\n", "\nKen:", "\nKen：")),  # base models do not always keep the form
        "bare-end": (["</s>"], ()),
        "rinna": (["</s>"], ("ユーザー:", "ユーザー：")),  # <NL> also stands between the messages of a turn
    }
    for name, (tokens, strings) in named.items():
        end = stop_criteria(prompt_config, tokenizers[name])
        assert (tokenizers[name].convert_ids_to_tokens(list(end.token_ids)), end.strings) == (tokens, strings), name
        assert end.separator == ("<NL>" if name == "rinna" else "\n")


def test_templates_that_part_chat_from_training_are_not_used(tokenizers) -> None:
    chosen = {name: resolve_template(tokenizer).name for name, tokenizer in tokenizers.items()}
    assert chosen == {
        "chatml": "model", "dialogue": "dialogue", "gemma": "model", "llama3": "model", "qwen3": "chatml",
        "bare-end": "model", "late-system": "model", "drops": "dialogue", "rinna": "model", "llama2": "dialogue",
        "llama2-gemma": "model", "gemma-class": "dialogue", "t5": "dialogue",
    }  # fmt: skip
    assert not resolve_template(tokenizers["late-system"]).takes_system


def test_todays_date_is_no_part_of_a_prompt(tokenizers) -> None:
    text = render(PromptConfig("M", "You are M.", **LONG), [Turn("user", ("hi",))], tokenizers["llama3"]).text
    assert "Today Date: 26 Jul 2024" in text


def test_a_contract_survives_json() -> None:
    prompt_config = PromptConfig(
        "ミカ", "説明", user="健", examples=(Turn("user", ("a", "b"), "Bo"), Turn("assistant", ("c",))),
        template="chatml", separator=" / ", opening="…", context_window=512, reply_reserve=0,
        reply_format="一行で。", parts=("timeline", "recalled"),
    )  # fmt: skip
    value = json.loads(json.dumps(prompt_config.to_json())) | {"from_a_later_version": [1]}
    assert PromptConfig.from_json(value) == prompt_config
    assert PromptConfig.from_json({"persona": "M"}) == PromptConfig("M")


@pytest.mark.parametrize(
    "change",
    [{"persona": None}, {"description": 3}, {"context_window": "many"}, {"context_window": 0},
     {"context_window": True}, {"reply_reserve": -1}, {"separator": ""}, {"template": ["x"]},
     {"examples": [{"role": "system", "messages": ["x"]}]},
     {"examples": [{"role": "user", "messages": []}]}, {"examples": [{"role": "user", "messages": [3]}]},
     {"examples": "abc"}, {"examples": 3}, {"parts": ["secrets"]}, {"parts": 3}, {"reply_format": None}],
)  # fmt: skip
def test_what_is_no_contract_is_told(change: dict) -> None:
    with pytest.raises(InputError, match="prompt_config"):
        PromptConfig.from_json(PromptConfig("M").to_json() | change)
    with pytest.raises(InputError):
        PromptConfig.from_json(untyped([]))
