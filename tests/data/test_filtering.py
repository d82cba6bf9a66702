"""Cleaning: copies, placeholders and what is said all the time."""

import random
from collections import Counter
from dataclasses import replace

import pytest

from core.data.filtering import ALIKE, ALWAYS, _shingles, filter_messages, placeholder
from core.data.ledger import Outcome
from core.data.prepare import Prepared, prepare
from core.data.recipe import Recipe
from core.messages import Kind, Message
from tests.data.test_rows import Letters, log_of, say, talk

NOTICE = (
    "明日の集合は九時に駅前です。雨が降ったら中止にするので、朝七時に連絡します。持ち物は水筒とタオルと着替えです。"
)


def make(*messages: Message, **choices: object) -> Prepared:
    recipe = replace(Recipe(clean=True, validation_share=0.0, shape="pair"), **choices)
    prepared = prepare(log_of(*messages), "P", counter=Letters(), budget=5000, recipe=recipe)
    assert prepared.ledger.missing == 0
    return prepared


def days(*replies: str) -> list[Message]:
    """A question a day, and its reply."""
    return [m for day, text in enumerate(replies) for m in (say("A", "ね", day * 1440), say("P", text, day * 1440))]


def outcomes_of(prepared: Prepared, sender: str = "P") -> list[Outcome | None]:
    return list(prepared.ledger.outcomes[1 if sender == "P" else 0 :: 2])


def test_a_long_text_that_comes_again_is_learned_once():
    prepared = make(*days(NOTICE, "はい", NOTICE, NOTICE.replace("。", "。 ")))
    assert outcomes_of(prepared) == [Outcome.LEARNED, Outcome.LEARNED, Outcome.DUPLICATE, Outcome.DUPLICATE]
    assert outcomes_of(prepared, "A")[2:] == [Outcome.NO_PERSONA] * 2


def test_a_long_text_with_small_changes_is_learned_once():
    changed = NOTICE.replace("九時", "十時")
    assert outcomes_of(make(*days(NOTICE, changed, "全然別の話だけど、" * 6))) == [
        Outcome.LEARNED, Outcome.NEAR_DUPLICATE, Outcome.LEARNED,
    ]  # fmt: skip


def test_short_replies_that_come_again_and_others_copies_stay():
    said = [
        *days(*["おやすみ、また明日ね"] * 5),
        say("A", NOTICE, 9999),
        say("A", NOTICE, 9999),
        say("P", "うん", 9999),
    ]
    assert make(*said).ledger.counts == {Outcome.LEARNED: 6, Outcome.CONTEXT: 7}


def test_nothing_is_left_out_of_a_log_that_is_not_to_be_cleaned():
    assert set(outcomes_of(make(*days(NOTICE, NOTICE, "[写真]", *["うん"] * 30), clean=False))) == {Outcome.LEARNED}


def test_near_duplicates_are_those_of_a_plain_comparison():
    """The index finds exactly what comparing each text with every earlier one does."""
    chance = random.Random(5)
    texts = []
    for _ in range(150):
        text = list(chance.choice(texts) if texts and chance.random() < 0.6 else _random_text(chance))
        for _ in range(chance.choice((0, 1, 3, 6, 12))):
            text[chance.randrange(len(text))] = chr(chance.randrange(0x3042, 0x3093))
        texts.append("".join(text))
    expected, kept = {}, []
    for i, text in enumerate(texts):
        if text in texts[:i]:
            expected[i] = Outcome.DUPLICATE
            continue
        mine = _shingles(text)
        if any(len(mine & s) / len(mine | s) >= ALIKE for s in kept):
            expected[i] = Outcome.NEAR_DUPLICATE
        else:
            kept.append(mine)
    messages = [say("P", text) for text in texts]
    assert filter_messages(messages, texts, "P").skipped == expected
    assert len(Counter(expected.values())) == 2 and len(kept) > 20


def _random_text(chance: random.Random) -> str:
    return "".join(chr(chance.randrange(0x3042, 0x3093)) for _ in range(chance.randrange(45, 90)))


def test_a_very_frequent_reply_counts_up_to_its_share():
    prepared = make(*days(*["うん"] * 100, *[f"それは{n}" for n in range(50)]))
    assert Counter(outcomes_of(prepared)) == {Outcome.LEARNED: 50 + ALWAYS, Outcome.FREQUENT: 100 - ALWAYS}
    assert Counter(outcomes_of(prepared, "A"))[Outcome.OUTSIDE] == 100 - ALWAYS
    assert prepared == make(*days(*["うん"] * 100, *[f"それは{n}" for n in range(50)]))
    other = make(*days(*["うん"] * 100, *[f"それは{n}" for n in range(50)]), seed=1)
    assert outcomes_of(other) != outcomes_of(prepared)


def test_a_frequent_reply_stays_in_the_talk_as_context():
    said = [
        say("A", "ね", 0),
        *[m for n in range(60) for m in (say("P", "うん"), say("A", "で"))],
        say("P", "わかった"),
    ]
    prepared = make(*said, shape="conversation")
    row = prepared.train[0]
    assert len(prepared.train) == 1 and len(row.turns) == len(said)
    assert row.trained_messages == ALWAYS + 1 and prepared.ledger.counts[Outcome.CONTEXT] == 61 + 60 - ALWAYS
    entries = [m for m in row.to_json()["messages"] if m["role"] == "assistant"]
    assert sum(m.get("weight") == 0 for m in entries) == 60 - ALWAYS


def test_a_row_does_not_end_with_what_is_only_context():
    said = [*talk("AP"), *[m for _ in range(60) for m in (say("A", "ね"), say("P", "うん"))]]
    prepared = make(*said, shape="conversation")
    assert prepared.train[0].is_trained(len(prepared.train[0].turns) - 1)


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("[スタンプ]", Outcome.STICKER), ("［スタンプ］", Outcome.STICKER), ("(sticker)", Outcome.STICKER),
        ("スタンプを送信しました", Outcome.STICKER), ("[写真]", Outcome.MEDIA), ("<Media omitted>", Outcome.MEDIA),
        ("image omitted", Outcome.MEDIA), ("写真3枚を送信しました。", Outcome.MEDIA), ("sent a photo.", Outcome.MEDIA),
        ("【動画】", Outcome.MEDIA), ("不在着信", Outcome.CALL), ("音声通話 12:34", Outcome.CALL),
        ("メッセージの送信を取り消しました", Outcome.UNSENT), ("This message was deleted", Outcome.UNSENT),
        ("写真送って", None), ("スタンプ", None), ("[笑]", None), ("(写真の件)", None), ("通話しよう", None),
        ("call me", None), ("このメッセージを見て", None), ("I deleted a message from Tom", None), ("w", None),
        ("(´・ω・`)", None),
    ],
)  # fmt: skip
def test_placeholders(text, outcome):
    assert placeholder(text) is outcome


def test_what_an_app_wrote_is_left_out_by_its_kind():
    prepared = make(*days("うん", "[写真]"), say("P", "[x]", 9000, Kind.STICKER))
    assert prepared.ledger.outcomes[3] is Outcome.MEDIA and prepared.ledger.outcomes[4] is Outcome.STICKER
