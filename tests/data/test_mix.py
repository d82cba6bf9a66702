"""Mixing data sets: shares of rows, each asked with its own description, and nothing measured that is trained on."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from core.cards.cards import DatasetFacts, dataset_card
from core.data.__main__ import main
from core.data.io.store import DataSetInfo, DataSets, read_info, write_set
from core.data.mix import Ingredient, mix, mix_saved, parts_of, planned
from core.data.rows import Row, read_rows
from core.errors import InputError
from core.messages import Turn
from core.workspace import Workspace


def info(name: str, persona: str, description: str) -> DataSetInfo:
    return DataSetInfo(name, persona, description, "", "line", {"learned": 9}, 90, 9, 0, 0, 60.0, 0, "", "2026")


def talk(word: str, count: int, first: int = 0, system: str = "") -> tuple[Row, ...]:
    return tuple(
        Row(k, None, (Turn("user", (f"{word}?",)), Turn("assistant", (f"{word} {k}",))), system=system)
        for k in range(first, first + count)
    )


AKI = Ingredient(info("aki", "Aki", "You are Aki."), {"train": talk("aki", 80), "validation": talk("aki", 8, 80)})
GENERAL = Ingredient(info("general", "assistant", "Be plain."), {"train": talk("plain", 500)}, 0.2)


def words(rows: Sequence[Row]) -> list[str]:
    return [row.turns[-1].messages[0].split()[0] for row in rows]


def test_a_share_is_of_the_mix_and_the_main_set_is_whole() -> None:
    made = mix("both", AKI, [GENERAL])
    train = made.rows["train"]
    assert words(train).count("plain") == 20 and train[:80] == AKI.rows["train"]
    assert {row.system for row in train[80:]} == {"Be plain."} and {row.system for row in train[:80]} == {""}
    assert made.rows["validation"] == AKI.rows["validation"]
    assert (made.info.name, made.info.persona, made.info.description) == ("both", "Aki", "You are Aki.")
    assert len({row.session for row in (*train, *made.rows["validation"])}) == 108  # no two sets share a session
    assert [(part.name, part.rows, part.of, part.asked_share) for part in made.parts] == [
        ("aki", 80, 80, 0.0), ("general", 20, 500, 0.2),
    ]  # fmt: skip
    assert parts_of(json.loads(json.dumps(made.info.recipe))) == made.parts


def test_the_seed_decides_which_rows_are_drawn() -> None:
    def drawn(seed: int) -> list[Row]:
        return [replace(row, session=0) for row in mix("m", AKI, [GENERAL], seed=seed).rows["train"][80:]]

    assert drawn(1) == drawn(1) != drawn(2)


def test_what_is_measured_with_is_never_trained_on() -> None:
    leaking = replace(GENERAL, rows={"train": (*talk("aki", 8, 80, "Other."), *talk("plain", 12))}, share=0.5)
    made = mix("both", AKI, [leaking])
    assert words(made.rows["train"][80:]) == ["plain"] * 12
    assert made.parts[1].held_out == 8 and made.parts[1].of == 20


def test_rows_keep_their_own_system_text_and_a_set_without_one_is_not_the_persona() -> None:
    own = replace(GENERAL, rows={"train": talk("plain", 40, system="A poet.")})
    assert {row.system for row in mix("m", AKI, [own]).rows["train"][80:]} == {"A poet."}
    nameless = replace(GENERAL, info=info("general", "assistant", ""))
    assert {row.system for row in mix("m", AKI, [nameless]).rows["train"][80:]} == {"You are assistant."}
    japanese = replace(GENERAL, info=info("general", "助手", ""), rows={"train": talk("こんにちは", 40)})
    assert {row.system for row in mix("m", AKI, [japanese]).rows["train"][80:]} == {"あなたは助手です。"}


def test_several_sets_and_a_mix_of_a_mix_name_all_they_came_from() -> None:
    ben = Ingredient(info("ben", "Ben", "You are Ben."), {"train": talk("ben", 500)}, 0.3)
    made = mix("three", AKI, [GENERAL, ben])
    assert (words(made.rows["train"]).count("plain"), words(made.rows["train"]).count("ben")) == (32, 48)
    first = mix("both", AKI, [GENERAL])
    second = mix("three", Ingredient(first.info, first.rows), [replace(ben, share=0.5)])
    assert [(part.name, part.rows) for part in second.parts] == [("aki", 80), ("general", 20), ("ben", 100)]


@pytest.mark.parametrize("shares", [(), (0.0,), (0.5, 0.5), (-0.1,), (0.95,)])
def test_shares_that_leave_too_little_are_refused(shares: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="add up to"):
        planned(10, [(10, share) for share in shares])


def test_an_empty_set_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="“general” has no rows"):
        mix("m", AKI, [replace(GENERAL, rows={})])


def test_saved_sets_are_mixed_into_a_new_one_and_its_card_names_them(tmp_path: Path) -> None:
    sets = DataSets(Workspace(tmp_path))
    for one in (AKI, GENERAL):
        sets.import_rows("key-1", one.info, one.rows)
    saved, made = mix_saved(sets, "key-1", "aki", "aki", {"general": 0.2})
    assert saved.folder.name == "aki-2" and saved.info.train_rows == 100 and saved.info.validation_rows == 8
    again = sets.get("key-1", "aki-2")
    assert parts_of(again.info.recipe) == made.parts
    assert [row.system for row in sets.read_rows("key-1", "aki-2", "train")][80:] == ["Be plain."] * 20
    card = dataset_card(repo="a/b", dataset=DatasetFacts.from_json(vars(again.info)))
    assert "- Mixed from: aki (80 of 80 rows, 80%); general (20 of 500 rows, 20%)" in card
    assert "Mixed from" not in dataset_card(repo="a/b", dataset=DatasetFacts.from_json(vars(AKI.info)))


def test_the_command_mixes_folders(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for one in (AKI, GENERAL):
        (tmp_path / one.info.name).mkdir()
        write_set(tmp_path / one.info.name, one.info, one.rows)
    call = ["mix", str(tmp_path / "aki"), "--add", str(tmp_path / "general"), "0.2", "--out", str(tmp_path / "out")]
    assert main(call) == 0
    told = json.loads(capsys.readouterr().err)
    assert told["rows"] == {"train_rows": 100, "validation_rows": 8, "test_rows": 0}
    assert len(list(read_rows(tmp_path / "out" / "train.jsonl"))) == 100
    written = read_info(tmp_path / "out")
    assert written and written.train_rows == 100 and len(parts_of(written.recipe)) == 2
    assert main(call) == 2 and "--overwrite" in capsys.readouterr().err
    assert main([*call[:4], "much", "--overwrite", "--out", str(tmp_path / "out")]) == 2
    assert "such as 0.2" in capsys.readouterr().err


def test_mix_says_which_share_models_made() -> None:
    recipe = {"made": {"share": 1.0, "by": ["big"]}}
    made = Ingredient(replace(GENERAL.info, recipe=recipe), GENERAL.rows, 0.2)
    assert mix("both", AKI, [made]).info.recipe["made"] == {"share": 0.2, "by": ["big"]}
    assert "made" not in mix("both", AKI, [GENERAL]).info.recipe
