"""Several personas in one talk: who speaks next, and what each of them is asked with."""

import itertools
import random
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from core.chat.context import in_group
from core.chat.conversation import Conversation
from core.chat.engine import Reply
from core.chat.group import MOST_MEMBERS, ORDERS, Group, Member, named_in, next_speaker, waiting
from core.chat.store import Conversations
from core.chat.viewpoint import own_words, said_in, seen_by
from core.errors import InputError
from core.personas import Persona
from core.prompt import render
from core.workspace import Workspace
from tests.helpers.prompt_tiny import GEMMA, byte_bpe, chatml
from tests.helpers.typed import present

AOI, YUI, KAI = Member("aoi", "葵"), Member("yui", "ゆい"), Member("kai", "Kai")
THREE = Group((AOI, YUI, KAI), seed=3)


def names(group: Group, *said: tuple[str, str]) -> str:
    return present(next_speaker(group, said)).name


def spoken(group: Group, count: int) -> list[str]:
    """Who speaks in that many replies, each saying nothing that names anybody."""
    said: list[tuple[str, str]] = [("", "hi")]
    for _ in range(count):
        said.append((names(group, *said), "…"))
    return [name for name, _ in said[1:]]


def test_who_is_named_speaks_and_all_who_are_named() -> None:
    said = [("", "ユイと葵はどう思う？"), ("ゆい", "うーん")]
    assert names(THREE, said[0]) == "ゆい" and names(THREE, *said) == "葵"
    assert names(THREE, *said, ("葵", "kai, and you?")) == "Kai"
    assert [one.name for one in waiting(THREE, said)] == ["葵"]
    assert named_in(THREE, "a kaiser, kai.") == [KAI] and named_in(THREE, "a kaiser") == []
    assert names(THREE, ("", "hi"), ("葵", "葵です")) != "葵"  # nobody calls on itself


@pytest.mark.parametrize("order", [order for order in ORDERS if order != "hand"])
def test_nobody_speaks_twice_in_a_row_and_the_order_is_drawn_again(order) -> None:
    group = Group((AOI, YUI, KAI), order, seed=5)
    drawn = spoken(group, 60)
    assert all(one != other for one, other in itertools.pairwise(drawn))
    assert set(drawn) == set(group.names) and drawn == spoken(group, 60)


def test_each_in_turn_and_each_once_a_round() -> None:
    assert spoken(Group(THREE.members, "round"), 4) == ["葵", "ゆい", "Kai", "葵"]
    drawn = spoken(Group(THREE.members, "drawn", seed=1), 30)
    assert max(Counter(drawn).values()) - min(Counter(drawn).values()) <= 6
    assert drawn != spoken(Group(THREE.members, "drawn", seed=2), 30)


def test_the_talkative_speak_more_and_by_hand_nobody_is_drawn() -> None:
    shares = {"葵": 1.0, "ゆい": 1.0, "Kai": 0.0}
    members = tuple(replace(one, talkativeness=shares[one.name]) for one in THREE.members)
    quiet = Group(members, "talkative", seed=1)
    counted = Counter(spoken(quiet, 200))
    assert counted["Kai"] < 20 and counted["葵"] > 60
    assert next_speaker(Group(THREE.members, "hand"), [("", "hi")]) is None


def test_others_cut_in_now_and_then_and_nobody_is_forgotten() -> None:
    plain, cutting = Group(THREE.members, "round", seed=4), Group(THREE.members, "round", seed=4, interrupts=True)
    drawn = spoken(cutting, 90)
    assert drawn != spoken(plain, 90) and drawn == spoken(cutting, 90)
    assert all(one != other for one, other in itertools.pairwise(drawn))
    assert min(Counter(drawn).values()) > 20
    silent = tuple(replace(one, talkativeness=0.0) for one in THREE.members)
    assert spoken(replace(cutting, members=silent), 9) == spoken(plain, 9)
    after = [("", "hi"), ("葵", "a"), ("Kai", "chosen by hand")]
    assert names(plain, *after) == "ゆい", "who was passed over is next"


KEPT = [("0.2", 0.2), (0, 0.0), (7, 1.0), ("often", 0.5), ("nan", 0.5), (None, 0.5)]


@pytest.mark.parametrize(("kept", "share"), KEPT)
def test_how_talkative_somebody_is_stands_in_the_card(kept: object, share: float) -> None:
    card = {"data": {"extensions": {"talkativeness": kept}}}
    assert Persona("Kai", "", card=card).talkativeness == share
    assert Persona("Kai", "", card={"data": {"extensions": []}}).talkativeness == 0.5


def test_names_are_each_ones_own() -> None:
    group = Group((AOI,)).with_member(Member("other", "葵"), "Ken").with_member(Member("k", "KEN"), "Ken")
    assert group.names == ("葵", "葵 2", "KEN 2")
    for n in range(MOST_MEMBERS - 3):
        group = group.with_member(Member(str(n), str(n)), "Ken")
    with pytest.raises(InputError, match="at most 8"):
        group.with_member(YUI, "Ken")


def test_a_talk_becomes_a_group_and_a_talk_of_two_again(tmp_path: Path) -> None:
    talk = (
        Conversation("0123ab-0123456789ab", "aoi")
        .said("assistant", "こんにちは")
        .said("user", "やあ")
        .said("user", "I join", name="Kai")
    )
    group = talk.with_group(THREE)
    assert said_in(group) == [("葵", "こんにちは"), ("", "やあ"), ("Kai", "I join")]
    store = Conversations(Workspace(tmp_path))
    kept = store.save("key-me", group.with_settings_of(group))
    assert present(Conversations(store.workspace).get("key-me", kept.id)).group == THREE
    left = group.with_group(Group((KAI,)))
    assert (left.persona, left.group, bool(left.group)) == ("kai", Group(), False)
    assert [(turn.role, turn.name) for turn in left.turns] == [("user", "葵"), ("user", None), ("assistant", None)]


def test_each_sees_its_own_words_as_its_own_and_all_others_named() -> None:
    talk = Conversation("id", "aoi").with_group(THREE).said("user", "hi")
    talk = (
        talk.said("assistant", "one", name="葵").said("assistant", "two", name="Kai").said("assistant", "3", name="葵")
    )
    seen = [(turn.role, turn.name, turn.messages) for turn in seen_by(talk, AOI, "Ken").turns]
    assert seen == [("user", "Ken", ("hi",)), ("assistant", None, ("one",)), ("user", "Kai", ("two",)),
                    ("assistant", None, ("3",))]  # fmt: skip
    assert seen_by(talk, KAI, "Ken").persona == "kai" and seen_by(talk, KAI, "Ken").speaker == "Kai"


@pytest.mark.parametrize(
    ("written", "shown", "finished"),
    [(["葵", "葵: おは", "葵: おはよう"], ["", "おは", "おはよう"], False),
     (["うん", "うん\nKai", "うん\nKai: no", "never"], ["うん", "うん\nKai", "うん"], True),
     (["Kai： x"], [""], True), (["Kaiser: x"], ["Kaiser: x"], False)],
)  # fmt: skip
def test_a_reply_holds_the_words_of_nobody_else(written: list[str], shown: list[str], finished: bool) -> None:
    replies = (Reply(text, 1) for text in written)
    found = list(own_words(replies, "葵", ("Kai", "ゆい")))
    assert [reply.text for reply in found] == shown and found[-1].finished == finished


WORDS = (
    "今日は海へ行ったよ",
    "Kai はどう？",
    "I would rather stay at home and read",
    "ゆいなら知ってる",
    "…",
    "ほんとに？ すごいね",
)


@pytest.mark.parametrize("template", [GEMMA, chatml()], ids=["strict", "chatml"])
def test_a_group_of_three_talks_for_sixty_turns_in_a_window_of_1024(template: str) -> None:
    tokenizer = byte_bpe(template=template)
    told = {"aoi": "葵は絵が好きで、よく笑う。" * 3, "yui": "ゆいは短く話す。", "kai": "Kai is calm and asks back."}
    personas = {member.persona: Persona(member.name, told[member.persona], user="ケン") for member in THREE.members}
    talk, draw, left_out = Conversation("id", "aoi").with_group(THREE), random.Random(1), 0
    for turn in range(60):
        if turn % 9 == 0:
            talk = talk.said("user", draw.choice(WORDS))
        member = present(next_speaker(talk.group, said_in(talk)))
        others = tuple(name for name in (*THREE.names, "ケン") if name != member.name)
        config = in_group(personas[member.persona].prompt_config(1024), others)
        view = seen_by(talk, member, "ケン")
        prompt = render(config, view.turns, tokenizer)
        assert len(prompt.ids) + config.reply_reserve <= 1024
        assert config.description in prompt.text and all(other in prompt.text for other in others)
        heard = view.turns[-1]
        assert f"{heard.name}: {heard.messages[0]}" in prompt.text
        roles = re.findall(r"<(?:start_of_turn>|\|im_start\|>)(user|model|assistant)", prompt.text)
        assert all(one != other for one, other in itertools.pairwise(roles))
        talk = talk.said("assistant", draw.choice(WORDS), name=member.name)
        left_out = prompt.left_out.get("turns", 0)
    assert left_out > 0  # the window is full, and what was left out is told
