"""Dialogues as rows: eleven windows of twelve exchanges, the nine variants, and one set of test dialogues in all."""

import pytest

from core.errors import InputError
from core.messages import Turn
from core.synth.prompts import SpokenTurn
from core.synth.records import DialogueRecord
from core.synth.rows import NINE, PREAMBLES, dialogue_log, dialogue_variants


class Letters:
    """Counts letters."""

    prefix_tokens = 0

    def turn(self, turn: Turn) -> int:
        return sum(map(len, turn.messages))


def dialogue(number: int, exchanges: int = 12, user: str = "漁師") -> DialogueRecord:
    turns = [SpokenTurn("persona", ("やあ、よく来た。",)), SpokenTurn("user", (f"問い{number}",))]
    for n in range(1, exchanges):
        turns += [SpokenTurn("persona", (f"答え{number}-{n}", "続き")), SpokenTurn("user", (f"返し{number}-{n}",))]
    return DialogueRecord(
        f"c{number}", number, "ソクラテス", user, "u", "ordinary", "問い", "o", 0.3, "complete", 2, tuple(turns[:-1])
    )  # fmt: skip


RECORDS = [dialogue(number) for number in range(10)]


def made(records: list[DialogueRecord], **options: object) -> dict:
    found = dialogue_variants(
        records, counter=Letters(), budget=1000, count=len, who="古代ギリシャの哲学者ソクラテス", **options  # type: ignore[arg-type]
    )  # fmt: skip
    return {variant.name: variant for variant in found}


def test_nine_variants_with_their_figures() -> None:
    variants = made(RECORDS)
    assert list(variants) == [f"{windows}-{n}-{kind}" for windows, n in NINE for kind in PREAMBLES]
    assert {variant.statistics.dialogues for variant in variants.values()} == {10}
    samples = [variants[name].statistics.samples for name in ("all-2-none", "first-2-none", "first-4-none")]
    assert samples == [110, 10, 10]
    none, statement = variants["all-2-none"].statistics, variants["all-2-statement"].statistics
    assert statement.tokens - none.tokens == 110 * len("あなたは古代ギリシャの哲学者ソクラテスです。")
    assert (none.user_tokens, none.persona_tokens) == (statement.user_tokens, statement.persona_tokens)
    assert none.shortest <= none.mean <= none.longest


def test_rows_begin_with_the_user_and_every_reply_is_learned_once() -> None:
    rows = made(RECORDS)["all-2-none"].prepared
    every = [*rows.train, *rows.validation, *rows.test]
    assert all([turn.role for turn in row.turns] == ["user", "assistant"] for row in every)
    learned = [row.turns[1].messages[0] for row in every]
    assert len(set(learned)) == len(learned) == 110
    assert not any("やあ、よく来た。" in turn.messages for row in every for turn in row.turns)


def test_first_window_of_four_teaches_both_replies() -> None:
    rows = made(RECORDS)["first-4-none"].prepared.train
    assert all([turn.role for turn in row.turns] == ["user", "assistant"] * 2 for row in rows)
    assert all(row.is_trained(1) and row.is_trained(3) for row in rows)


def test_address_stands_before_the_first_words_only() -> None:
    row = made(RECORDS)["first-4-address"].prepared.train[0]
    assert row.turns[0].messages[0].startswith("ソクラテスさん。問い")
    assert not row.turns[2].messages[0].startswith("ソクラテスさん")


def test_fifth_of_the_dialogues_is_for_the_test_and_the_same_in_all_variants() -> None:
    held = {frozenset(row.session for row in variant.prepared.test) for variant in made(RECORDS).values()}
    assert held == {frozenset((8, 9))}


def test_system_text_is_the_data_sets_description() -> None:
    variants = made(RECORDS, preambles=("none", "system"), description="あなたはソクラテス。")
    plain, system = variants["all-2-none"], variants["all-2-system"]
    assert system.prepared.train == plain.prepared.train
    assert system.info("a", "あなたはソクラテス。", "m").description == "あなたはソクラテス。"
    assert plain.info("a", "あなたはソクラテス。", "m").description == ""


def test_namesake_of_the_persona_is_the_other_side() -> None:
    log, left_out = dialogue_log([dialogue(0, user="ソクラテス")])
    assert {message.sender for message in log.messages} == {"ソクラテス", "ソクラテス (user)"}
    assert list(left_out) == [0]


def test_no_dialogue_is_said_in_a_sentence() -> None:
    with pytest.raises(InputError, match="no dialogue"):
        made([])
