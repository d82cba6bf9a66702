"""A log that is worked on without a page: its rows are those of the command line, its steps are reported."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from core.catalogue.bundled import FOLDER
from core.data.__main__ import main
from core.data.io.store import read_rows
from core.data.log_choices import LogChoices
from core.data.log_rows import LARGEST_BUDGET, default_description, log_language
from core.data.open_log import MakingVariants, OpenLog, OpenStep, ReadingFile, compare_variants, open_log
from core.data.recipe import Recipe
from core.logs.detect import read_log
from core.models.loading import LoadedModel
from core.models.tokenizers.check import load_tokenizer
from tests.helpers.tab_tiny import without_weights

SAMPLES = Path(__file__).parents[2] / "datasets"
CHAT = "".join(f"2024/05/0{day} 12:0{n} {who}: {words} {n}\n" for day in (1, 2, 3, 4) for n, (who, words) in enumerate(
    (("Ann", "hello"), ("Bob", "hi"), ("Ann", "well"), ("Bob", "so"))
))  # fmt: skip


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return without_weights(FOLDER, load_tokenizer(str(FOLDER)), window=2048, name="mini")


def opened(folder: Path, choices: LogChoices, loaded: LoadedModel | None, before: OpenLog | None = None) -> OpenLog:
    return open_log(choices, lambda file: folder / file, before=before, loaded=loaded, report=lambda _: None)


@pytest.mark.parametrize(("file", "language"), [("sample_line_aoi.txt", "ja"), ("sample_whatsapp_wren.txt", "en")])
def test_the_page_and_the_command_make_the_same_rows(
    tmp_path: Path, loaded: LoadedModel, file: str, language: str
) -> None:
    recipe = Recipe(context=2, turns=6, clean=True)
    log = opened(SAMPLES, LogChoices(file, file, recipe=recipe), loaded)
    options = ["--context", "2", "--turns", "6", "--clean", "--description", log.description]
    asked = [str(SAMPLES / file), "--persona", log.persona, "--out", str(tmp_path / "out"), *options]
    assert main(asked) == 0 and log.budget == LARGEST_BUDGET
    for split in ("train", "validation"):
        assert [row.turns for row in read_rows(tmp_path / "out" / f"{split}.jsonl")] == [
            row.turns for row in log.rows(split)
        ]
    assert log.rows("train") and log_language(log.log) == language
    assert json.loads((tmp_path / "out" / "dataset.json").read_text())["persona"] == log.persona


def test_the_description_follows_the_language_of_the_log() -> None:
    logs = [read_log(SAMPLES / file) for file in ("sample_line_aoi.txt", "sample_whatsapp_wren.txt")]
    said = [default_description(log, log.suggested_persona() or "") for log in logs]
    assert said == ["あなたは葵です。湊と話しています。", "You are Wren, talking with Otis."]


def test_a_further_file_is_told_and_adds_what_is_new(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(CHAT, encoding="utf-8")
    (tmp_path / "b").write_text(CHAT + "2024/05/05 12:00 Ann: new\n", encoding="utf-8")
    steps: list[OpenStep] = []
    choices = LogChoices("a", "a.txt", more=(("b", "b.txt"),))
    log = open_log(choices, lambda file: tmp_path / file, before=None, loaded=None, report=steps.append)
    assert steps == [ReadingFile("b.txt")] and log.prepared is None and log.problem is None
    assert [(one.new, one.known) for one in log.added] == [(1, 16)]
    with pytest.raises(FileNotFoundError):
        opened(tmp_path, replace(choices, file="gone"), None)


def test_only_what_has_changed_is_done_again(tmp_path: Path, loaded: LoadedModel) -> None:
    (tmp_path / "a").write_text(CHAT, encoding="utf-8")
    waiting = opened(tmp_path, LogChoices("a", "a.txt"), None)
    first = opened(tmp_path, waiting.choices, loaded, before=waiting)
    assert first.log is waiting.log and first.rows("train")
    steps: list[OpenStep] = []
    compared = replace(first, compared=compare_variants(first, loaded, steps.append))
    assert steps[-1] == MakingVariants(36, 36) and len(compared.compared) == 36
    taken = compared.variant("1-none-newline-clean")
    recipe = replace(first.choices.recipe, shape="pair", clean=True)
    again = opened(tmp_path, replace(first.choices, recipe=recipe), loaded, before=compared)
    assert again.compared is compared.compared and again.current_variant == taken.name
    other = opened(tmp_path, replace(first.choices, persona="Bob" if first.persona == "Ann" else "Ann"), loaded, again)
    assert other.log is first.log and other.compared == () and other.rows("train") != first.rows("train")
