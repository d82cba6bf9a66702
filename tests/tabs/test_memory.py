"""The Memory tab's handlers: each visitor sees and changes what is remembered with one persona, and nothing else."""

from datetime import date, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

from core.memory.diary import Diary, DiaryEntry
from core.memory.documents import Documents
from core.memory.notes import Notes
from core.memory.options import MemoryOptions
from core.memory.turns import Turns
from core.messages import Turn
from core.models.loading import ModelStatus
from core.personas import Persona
from tabs.memory import view
from tabs.memory.notes import NONE, NoteHandlers
from tabs.memory.sources import SourceHandlers
from tabs.memory.tab import DRAWN, MemoryHandlers
from tabs.ui.services import Services
from tests.helpers.tab_tiny import KEY, OTHER, owner, services_on, visit

WHO = "mika"


@pytest.fixture(autouse=True)
def info(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a handler tells in passing; gr.Info needs a page."""
    told: list[str] = []
    monkeypatch.setattr(gr, "Info", lambda said, **_: told.append(said))
    return told


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return services_on(tmp_path, tmp_path / "base", SimpleNamespace())


@pytest.fixture
def notes(services: Services) -> Notes:
    return Notes(services.memory.store(owner(services)), WHO)


def drawn(services: Services, key: str = KEY, *, words: str = "", forgotten: bool = False, chosen: str = NONE) -> tuple:
    return MemoryHandlers(services).refresh(key, WHO, words, forgotten, chosen, (), visit())


def lines(services: Services, key: str = KEY, *, words: str = "", forgotten: bool = False) -> list[str]:
    return [text for text, _ in drawn(services, key, words=words, forgotten=forgotten)[0].choices]


def test_an_empty_memory_says_what_to_do(services: Services) -> None:
    listed, empty, figures, *_ = drawn(services)
    assert not listed.visible and "まだメモはありません" in empty.value and "0" in figures
    assert not services.memory.store(owner(services)).exists or lines(services) == []


def test_a_note_is_added_found_changed_pinned_and_forgotten(services: Services, notes: Notes, info: list) -> None:
    noting = NoteHandlers(services)
    assert noting.add(KEY, WHO, "ケンは卵が食べられない", visit()) == ("", "")
    noting.add(KEY, WHO, "ケンは札幌に住む", visit())
    assert [line.split("\n")[0] for line in lines(services, words="卵")] == ["ケンは卵が食べられない"]
    assert "手で書いたメモ" in lines(services)[0]
    note = str(notes.found("卵")[0][0].id)
    form, text, weight, *_ = noting.pick(KEY, WHO, note, visit())
    assert form.visible and text.value == "ケンは卵が食べられない" and (weight.value, weight.minimum) == (3, 0)
    noting.save(KEY, WHO, note, "ケンは卵と蕎麦が食べられない", 5, visit())
    noting.pin(KEY, WHO, note, visit())
    assert lines(services)[0].startswith("★ ケンは卵と蕎麦")
    assert noting.forget(KEY, WHO, note, visit()) == NONE
    assert len(lines(services)) == 1 and "忘れました" in lines(services, forgotten=True)[0]
    assert noting.pick(KEY, WHO, note, visit())[6].visible  # it can be brought back
    noting.restore(KEY, WHO, note, visit())
    assert len(lines(services)) == 2
    noting.forget(KEY, WHO, note, visit())
    noting.delete(KEY, WHO, note, visit())
    assert lines(services, forgotten=True) == [] and len(info) == 4
    assert not noting.pick(KEY, WHO, NONE, visit())[0].visible


@pytest.mark.parametrize("chosen", [NONE, "", "x", "99"])
def test_what_is_not_there_cannot_be_changed(services: Services, chosen: str) -> None:
    noting = NoteHandlers(services)
    for act in (noting.pin, noting.forget, noting.restore, noting.delete):
        with pytest.raises(gr.Error):
            act(KEY, WHO, chosen, visit())
    with pytest.raises(gr.Error, match="empty"):
        noting.add(KEY, WHO, "  ", visit("en"))


def test_nobody_sees_or_changes_what_is_anothers(services: Services, notes: Notes) -> None:
    note = notes.add("合言葉は白鳥", now=1.0)
    assert lines(services, key=OTHER) == []
    with pytest.raises(gr.Error):
        NoteHandlers(services).forget(OTHER, WHO, str(note.id), visit())
    SourceHandlers(services).forget_all(OTHER, WHO, visit())
    assert len(lines(services)) == 1


def test_nothing_is_drawn_while_nothing_changed(services: Services, notes: Notes) -> None:
    handlers = MemoryHandlers(services)
    notes.add("一つ目", now=1.0)
    first = drawn(services)
    again = partial(handlers.refresh, KEY, WHO, "", False, NONE)
    assert again(first[-1], visit()) == (gr.skip(),) * DRAWN and len(first) == DRAWN
    notes.add("二つ目のこと", now=2.0)
    assert len(again(first[-1], visit())[0].choices) == 2


def test_how_notes_came_about_is_told(services: Services, notes: Notes) -> None:
    round = notes.begin_round("c", parse_method="repaired", tries=2, samples=3, model="<big>", now=1.0)
    old = notes.add("ケンは大阪に住む", now=1.0, said_by="user", round=round)
    new = notes.add("ケンは札幌に住む", now=2.0, said_by="assistant", kind="event")
    notes.forget(old.id, now=3.0, superseded_by=new.id)
    notes.end_round(round, remembered=1, forgotten=0)
    rounds = drawn(services)[4]
    assert "直して読んだ JSON・2 回目で" in rounds and "1 件覚え" in rounds and "&lt;big&gt;" in rounds
    assert "相手の言葉から" in lines(services)[0] and "出来事" in lines(services)[0]
    assert "代わりに「ケンは札幌に住む」" in lines(services, forgotten=True)[0]


@pytest.mark.parametrize(
    ("choices", "parameters", "words"),
    [(MemoryOptions(), 6_800_000, "小さすぎて"), (MemoryOptions(), 3_000_000_000, "つけます"), 
     (MemoryOptions(notes="on"), 6_800_000, "まちがった"),
     (MemoryOptions(notes="off"), 3_000_000_000, "とりません"), (MemoryOptions(remembers=False), 1, "覚えません"),
     (MemoryOptions(single_pass=True), 1, "一度に"), (MemoryOptions(), 0, "準備")],
)  # fmt: skip
def test_whether_the_model_takes_notes_is_said(choices: MemoryOptions, parameters: int, words: str) -> None:
    assert words in view.taking(choices, ModelStatus(parameters=parameters), "ja")


def test_choices_are_kept_by_persona(services: Services) -> None:
    sources = SourceHandlers(services)
    sources.choose(KEY, WHO, True, "off", 2, False, visit())
    assert sources.choices(KEY, WHO, visit()) == (True, "off", 2, False)
    assert sources.choices(KEY, "rin", visit()) == sources.choices(OTHER, WHO, visit()) == (True, "auto", 1, False)
    sources.choose(KEY, WHO, True, "off", 1, True, visit())
    assert sources.choices(KEY, WHO, visit()) == (True, "off", 3, True)
    sources.choose(KEY, WHO, True, "off", 1, True, visit())
    assert sources.choices(KEY, WHO, visit()) == (True, "off", 1, True)
    with pytest.raises(gr.Error):
        sources.choose(KEY, WHO, True, "sometimes", 1, False, visit())


def test_documents_come_and_go(services: Services, info: list) -> None:
    sources, cache = SourceHandlers(services), services.workspace.cache()
    names = ("灯台.md", "空.txt")
    for number, (name, text) in enumerate(zip(names, ("岬の灯台は1904年に建った。", ""), strict=True)):
        (cache / str(number)).mkdir(parents=True)
        (cache / str(number) / name).write_text(text, encoding="utf-8")
    with pytest.raises(gr.Error):
        sources.add_documents(KEY, WHO, [str(cache / str(n) / name) for n, name in enumerate(names)], visit())
    assert info == ["「灯台.md」を読みました。"]
    assert list(services.workspace.folder(owner(services), "uploads").iterdir()) == []
    [(line, document)] = drawn(services)[7].choices
    assert line == "灯台.md　1 か所"
    assert Documents(services.memory.store(owner(services)), WHO).found("灯台はいつ")
    sources.delete_document(KEY, WHO, document, visit())
    assert drawn(services)[7].choices == []
    for handler, chosen in ((sources.delete_document, None), (sources.delete_entry, None)):
        with pytest.raises(gr.Error):
            handler(KEY, WHO, chosen, visit())


def test_a_line_leaves_the_diary_and_everything_can_be_forgotten(services: Services, notes: Notes) -> None:
    store = services.memory.store(owner(services))
    Diary(store, WHO).write(DiaryEntry("day", date(2026, 5, 3), "釣りに行った"), 1.0)
    Diary(store, WHO).write(DiaryEntry("week", date(2026, 5, 4), "釣りの週"), 1.0)
    Turns(store).keep(WHO, "c", [Turn("user", ("やあ",))], datetime(2026, 5, 3).timestamp())
    notes.add("何か", now=1.0)
    sources = SourceHandlers(services)
    assert [text for text, _ in drawn(services)[5].choices] == [
        "2026-05-04 からの週　釣りの週",
        "2026-05-03　釣りに行った",
    ]
    sources.delete_entry(KEY, WHO, "day 2026-05-03", visit())
    assert [text for text, _ in drawn(services)[5].choices] == ["2026-05-04 からの週　釣りの週"]
    sources.forget_all(KEY, WHO, visit())
    assert lines(services) == [] and drawn(services)[5].choices == [] and Turns(store).count(WHO) == 0


def test_the_picker_stands_on_whom_one_talks_with(services: Services) -> None:
    follow = MemoryHandlers(services).follow
    me = owner(services)
    persona = services.personas.save(me, Persona("Mika", "You are Mika."))
    talk = services.chat.open_conversation(me, "ja", persona=persona.id)
    picker = follow(KEY, talk.id, visit())
    assert picker.value == persona.id and ("Mika", persona.id) in picker.choices
    assert follow(OTHER, talk.id, visit()).value != persona.id
    assert follow(KEY, "", visit()).value in [value for _, value in picker.choices]
