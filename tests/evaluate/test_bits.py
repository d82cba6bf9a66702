"""Bits a byte, conversation by conversation, and the command that ranks base and adapters by them."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from core.data.io.store import DataSetInfo, write_set
from core.data.rows import Row
from core.errors import InputError
from core.evaluate.__main__ import main
from core.evaluate.bits import ConversationBits, common, conversations_of, measure_bits, swapped
from core.messages import Turn
from core.prompt import render
from tests.helpers.adapter_tiny import TEMPLATED, tiny_adapter
from tests.helpers.train_tiny import tiny_base

CONFIG = replace(TEMPLATED, context_window=256)


def row(session: int, asked: str, *said: str) -> Row:
    return Row(session, None, (Turn("user", (asked,)), Turn("assistant", said)))


ROWS = [row(7, "hey", "うん", "so"), row(2, "what is it?", "nothing"), row(7, "again?", "yes")]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("bits") / "base")


def test_each_conversation_costs_what_its_replies_cost_the_model(base: Path) -> None:
    """Held against the plain way: every learned token's loss from the model's own logits, a row at a time."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = AutoModelForCausalLM.from_pretrained(base).eval(), AutoTokenizer.from_pretrained(base)
    done: list[int] = []
    found = measure_bits(model, tokenizer, CONFIG, conversations_of(ROWS), between=done.append)
    assert found.conversations == (2, 7) and found.sizes == (7, len("うん\nso".encode()) + 3) and done == [0, 1]
    bits = {2: 0.0, 7: 0.0}
    for one in ROWS:
        prompt = render(CONFIG, one.turns, tokenizer, training=True)
        with torch.inference_mode():
            scores = model(torch.tensor([list(prompt.ids)])).logits[0].log_softmax(-1)
        for at, (token, learned) in enumerate(zip(prompt.ids, prompt.loss_mask, strict=True)):
            if learned:
                bits[one.session] -= scores[at - 1, token].item() / math.log(2)
    assert found.bits == pytest.approx(tuple(bits.values()), rel=1e-4)
    assert found.bits_per_byte == pytest.approx(sum(bits.values()) / sum(found.sizes), rel=1e-4)


def test_the_control_has_the_other_sides_words() -> None:
    turned = swapped(conversations_of(ROWS))
    assert [turn.role for turn in turned[2][0].turns] == ["assistant", "user"]
    assert swapped({1: [Row(1, None, (Turn("assistant", ("alone",)),))]}) == {}


def test_without_held_out_rows_it_says_so(base: Path) -> None:
    with pytest.raises(InputError, match="no held-out rows"):
        conversations_of([Row(0, None, (Turn("user", ("hello",)),))])


def test_only_what_all_were_measured_on_counts() -> None:
    """A model with a short window may have read a conversation in part, or not at all."""
    wide = ConversationBits((1, 2, 3), (8.0, 9.0, 10.0), (4, 5, 6))
    narrow = ConversationBits((1, 3), (7.0, 4.0), (4, 2))
    assert common({"wide": wide, "narrow": narrow}) == ({"wide": (8.0,), "narrow": (7.0,)}, (4,))
    assert common({}) == ({}, ())


def test_the_command_ranks_base_and_adapters(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    info = DataSetInfo("aoi", "Aoi", "", "", "", {}, 0, 0, 0, 0, 60.0, 256, "m", "")
    held = [row(n, f"question {n}", f"answer {n}") for n in range(31)]
    folder = tmp_path / "aoi"
    folder.mkdir()
    write_set(folder, info, {"train": held[:1], "validation": held})
    adapters = [tiny_adapter(tmp_path / name, base, seed=n).folder for n, name in enumerate(("one", "two"))]
    given = [str(folder), "--model", str(base), *(f"--adapter={adapter}" for adapter in adapters)]
    assert main([*given, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {one["name"] for one in found["standings"]} == {"base model", "one", "two"}
    assert found["conversations"] == 31 and found["recommended"]
    values = [one["value"] for one in found["standings"]]
    assert values == sorted(values) and len(set(values)) == 3 and all(one["control"] > 0 for one in found["standings"])
    assert main(given) == 0
    assert "31 conversations" in capsys.readouterr().out
    assert main([str(tmp_path), "--model", str(base)]) == 2
    assert "no held-out rows" in capsys.readouterr().err
    assert main([*given, f"--adapter={adapters[0]}"]) == 2
    assert "same name" in capsys.readouterr().err
