"""Plans: every user and every opening equally often, the same cells from the same plan, new ids for what changed."""

import io
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from core.catalogue.bundled import FOLDER
from core.errors import InputError
from core.models.remote_costs import Price
from core.models.sampling import Sampling
from core.personas import Persona
from core.personas.find import find_persona
from core.personas.store import persona_to_json
from core.synth.backends import Backend
from core.synth.estimate import TurnPace, estimate
from core.synth.people import OpeningQuestion, SimulatedUser, read_openings, read_users
from core.synth.plan import FirstSpeaker, Plan, balanced_pairs, plan_from, read_plan
from core.synth.prompts import Side, SpokenTurn, description_of, given_turns, seen_by

PERSONA = Persona("ソクラテス", "あなたはソクラテスです。", greeting="やあ。")
USERS = tuple(SimulatedUser(f"u{n}", f"人{n}", f"{n}番目の人です。") for n in range(6))
OPENINGS = tuple(OpeningQuestion(f"o{n}", f"問い{n}とは何だろう？") for n in range(4))
PLAN = Plan(PERSONA, USERS, OPENINGS, dialogues=10, exchanges=3)


@pytest.mark.parametrize(
    ("users", "openings", "count"), [(148, 74, 296), (6, 4, 10), (5, 3, 15), (4, 4, 9), (3, 2, 20)]
)
def test_every_user_and_every_opening_appears_equally_often(users: int, openings: int, count: int) -> None:
    pairs = balanced_pairs(users, openings, count)
    for side, number in ((0, users), (1, openings)):
        counted = Counter(pair[side] for pair in pairs)
        times = [counted[n] for n in range(number)]
        assert max(times) - min(times) <= 1
    assert len(set(pairs)) == min(count, users * openings)


def test_full_grid_holds_every_pair_once() -> None:
    plan = replace(PLAN, dialogues=0)
    assert plan.count == 24
    assert len({(cell.user.id, cell.opening.id) for cell in plan.cells}) == 24


def test_half_of_the_dialogues_has_each_temperature() -> None:
    assert Counter(cell.temperature for cell in PLAN.cells) == {0.3: 5, 0.7: 5}


def test_the_same_plan_gives_the_same_cells_and_another_seed_others() -> None:
    assert replace(PLAN).cells == PLAN.cells
    assert len({cell.id for cell in PLAN.cells}) == 10
    assert {cell.id for cell in replace(PLAN, seed=1).cells}.isdisjoint(cell.id for cell in PLAN.cells)


@pytest.mark.parametrize(
    "changed",
    [
        replace(PLAN, exchanges=4), replace(PLAN, first="user"), replace(PLAN, user_backend=Backend(model="a/b")),
        replace(PLAN, persona=replace(PERSONA, description="別の人です。")),
    ],
)  # fmt: skip
def test_what_changes_a_dialogue_changes_its_id(changed: Plan) -> None:
    assert {cell.id for cell in changed.cells}.isdisjoint(cell.id for cell in PLAN.cells)


def test_what_changes_no_dialogue_keeps_the_ids() -> None:
    paid = Backend(at_once=2, price=Price(1, 2))
    same = replace(
        PLAN, persona=replace(PERSONA, summary="哲学者"), persona_backend=paid, judge_backend=Backend(model="j/j")
    )
    assert [cell.id for cell in same.cells] == [cell.id for cell in PLAN.cells]


def test_retrained_adapter_is_another_one(tmp_path: Path) -> None:
    ids = []
    for weights in (b"first", b"second"):
        (tmp_path / "adapter_model.safetensors").write_bytes(weights)
        ids.append(replace(PLAN, persona_backend=Backend(adapter=str(tmp_path))).cells[0].id)
    assert ids[0] != ids[1]


def test_plan_file_names_people_columns_and_backends(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(
        "名前,紹介,mood\n漁師,海で働く人。,眠い\n教師,学校で教える人。,\n", encoding="utf-8"
    )
    (tmp_path / "openings.jsonl").write_text('{"id": "a", "text": "勇気とは？", "topic": "徳"}\n', encoding="utf-8")
    (tmp_path / "plan.yaml").write_text(
        """
persona: socrates
language: ja
users: {file: people.csv, columns: {name: 名前, description: 紹介}}
openings: openings.jsonl
exchanges: 2
user_backend: {kind: remote, url: "http://127.0.0.1:1/v1", model: big, at_once: 4, price: {prompt: 1, reply: 2}}
""",
        encoding="utf-8",
    )
    plan = read_plan(tmp_path / "plan.yaml")
    assert (plan.persona.name, plan.count, plan.exchanges) == ("ソクラテス", 2, 2)
    assert plan.users[0] == SimulatedUser("1", "漁師", "海で働く人。", traits={"mood": "眠い"})
    assert plan.users[1].traits == {}
    assert plan.openings == (OpeningQuestion("a", "勇気とは？", "徳"),)
    assert plan.user_backend == Backend("remote", "big", url="http://127.0.0.1:1/v1", at_once=4, price=Price(1, 2))


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ({"exchanges": 0}, "exchanges"), ({"temperatures": [3]}, "temperatures"), ({"speed": 1}, "speed"),
        ({"first": "nobody"}, "first"), ({"language": "fr"}, "language"),
        ({"user_backend": {"kind": "remote"}}, "user_backend"), ({"user_backend": {"keyfile": "x"}}, "keyfile"),
        ({"users": "nowhere.jsonl"}, "nowhere.jsonl"), ({"persona": "nobody"}, "nobody"),
    ],
)  # fmt: skip
def test_wrong_plan_is_said_in_a_sentence(tmp_path: Path, value: dict, names: str) -> None:
    for name, record in (("u", {"name": "A", "description": "B"}), ("o", {"text": "?"})):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(record) + "\n", encoding="utf-8")
    whole = {"persona": "socrates", "language": "ja", "users": "u.jsonl", "openings": "o.jsonl"} | value
    with pytest.raises(InputError, match=names):
        plan_from(whole, tmp_path)


def test_record_without_a_name_is_named(tmp_path: Path) -> None:
    path = tmp_path / "u.jsonl"
    path.write_text('{"name": "A", "description": "B"}\n{"description": "C"}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"Record 2 of u\.jsonl has no “name”"):
        read_users(path)
    (tmp_path / "empty.json").write_text("[]", encoding="utf-8")
    with pytest.raises(InputError, match="holds no records"):
        read_openings(tmp_path / "empty.json")


def test_traits_are_told_in_words() -> None:
    user = SimulatedUser("x", "漁師", "海で働く人です。", traits={"mood": "眠い", "typos": 1.0, "disagreement": False})
    told = description_of(user, "ソクラテス", "ja")
    assert "「漁師」" in told and "いまの気分：眠い。" in told
    assert "打ち間違い：多い。" in told and "たいてい相手に合わせる" in told
    assert "話す長さ" not in told


def test_each_side_sees_itself_as_the_assistant() -> None:
    turns = (SpokenTurn("persona", ("問い",)), SpokenTurn("user", ("答え", "です")))
    assert [turn.role for turn in seen_by("persona", turns)] == ["assistant", "user"]
    assert [turn.role for turn in seen_by("user", turns)] == ["user", "assistant"]


def test_length_is_told_by_a_word() -> None:
    told = description_of(SimulatedUser("x", "漁師", "海の人。", traits={"length": "short"}), "ソクラテス", "ja")
    assert "話す長さ：ひと言だけ。" in told


@pytest.mark.parametrize(("first", "sides"), [("persona", "pupup"), ("user", "upupup")])
def test_persona_has_the_last_word(first: FirstSpeaker, sides: str) -> None:
    plan = replace(PLAN, first=first)
    assert "".join(plan.speaks(turn)[0] for turn in range(plan.turns)) == sides
    given = given_turns(plan, plan.cells[0])
    assert [turn.side[0] for turn in given] == list(sides[: plan.given_turns])
    assert given[-1].messages == (plan.cells[0].opening.text,)


def test_persona_without_first_words_lets_the_user_begin(tmp_path: Path) -> None:
    (tmp_path / "u.jsonl").write_text('{"name": "A", "description": "B"}', encoding="utf-8")
    (tmp_path / "o.jsonl").write_text('{"text": "?"}', encoding="utf-8")
    value = {"persona": "helper", "language": "ja", "users": "u.jsonl", "openings": "o.jsonl"}
    assert not find_persona("helper", "ja").greeting
    assert plan_from(value, tmp_path).first == "user"
    with pytest.raises(InputError, match="first words"):
        plan_from({**value, "first": "persona"}, tmp_path)


def test_estimate_counts_generations_tokens_and_money() -> None:
    plan = replace(PLAN, user_backend=Backend("remote", "m", url="http://x/v1", price=Price(1_000_000, 2_000_000)))
    found = estimate(plan, lambda text: 10, {"persona": 1000, "user": 1000})
    assert (found.dialogues, found.generations, found.seconds) == (10, 10 * 3, None)
    assert found.reply_tokens == 10 * 3 * 80
    # The persona speaks behind 2 and 4 turns, the user behind 3.
    assert found.prompt_tokens == 10 * ((10 * 2 + 80 * 6) + (10 + 80 * 3))
    assert found.cost == 10 * (250 + 2 * 80)


def test_estimate_keeps_to_the_window_and_what_was_measured() -> None:
    pace: dict[Side, TurnPace] = {"persona": TurnPace(20, 2), "user": TurnPace(10, 4)}
    found = estimate(PLAN, lambda text: 10, {"persona": 250, "user": 200}, done=4, measured=pace)
    assert (found.dialogues, found.generations) == (6, 18)
    assert found.seconds == 6 * 2 / 2 + 6 * 1 / 4
    assert found.reply_tokens == 6 * (2 * 20 + 1 * 10)
    # 250 less the 200 of the longest reply leave the persona 50 tokens, and the user has 80.
    assert found.prompt_tokens == 6 * ((10 + 30) + 50 + (10 + 50))


def test_window_is_the_models_own(tmp_path: Path) -> None:
    assert Backend().tokens() == json.loads((FOLDER / "config.json").read_text())["max_position_embeddings"]
    assert Backend("remote", "big", url="http://127.0.0.1:1/v1", window=800).tokens() == 800


def test_key_may_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("secret\n"))
    one = Backend("remote", "big", url="http://127.0.0.1:1/v1", key_file="-")
    assert [one.server().key, replace(one, model="other").server().key] == ["secret", "secret"]


def test_persona_of_a_file_is_the_one_that_was_kept(tmp_path: Path) -> None:
    kept = replace(PERSONA, sampling=Sampling(temperature=0.31), openers=("問い",))
    (tmp_path / "p.json").write_text(json.dumps(persona_to_json(kept)), encoding="utf-8")
    assert find_persona(str(tmp_path / "p.json"), "ja") == kept
