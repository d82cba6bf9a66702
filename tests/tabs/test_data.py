"""The Data tab's handlers: a log becomes rows and an account, choices are kept, and each owner sees their own."""

import errno
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from core.data import log_rows
from core.data.gaps import GAP_STEPS, GapHistogram, nearest_step
from core.data.io import open_logs
from core.data.io.open_logs import OpenLogs
from core.data.io.reading import Reading
from core.data.ledger import Outcome
from core.data.open_log import OpenLog, prompt_config_of
from core.data.prepare import Prepared
from core.logs.log import Log
from core.prompt import render
from tabs.data.data_context import DataContext
from tabs.data.log.guesses import ReadingForm
from tabs.data.log.log_view import duration, gaps_picture
from tabs.data.log.open_handlers import OpenLogHandlers
from tabs.data.log.profile_view import ProfileHandlers
from tabs.data.outputs import UNCHANGED, View
from tabs.data.rows.exports import ExportHandlers
from tabs.data.rows.recipe_form import RecipeForm
from tabs.data.rows.variants_view import VariantHandlers
from tabs.data.rows.walk import RowHandlers
from tabs.data.sets import saved_sets
from tabs.data.sets.saved_sets import SavedHandlers
from tabs.ui.services import Services
from tests.helpers.tab_tiny import KEY, OTHER, models_of, owner, services_on, visit
from tests.helpers.train_tiny import tiny_base
from tests.helpers.typed import present, untyped

CHAT = "[LINE] 葵とのトーク履歴\n保存日時：2025/09/01 21:14\n\n2025/04/18(金)\n" + "".join(
    f"{hour}:{minute:02d}\t{name}\t{words} {hour}{minute}\n"
    for hour in range(10, 22, 3)
    for minute, name, words in ((1, "湊", "ねえ"), (2, "葵", "なに"), (40, "湊", "<b>ごはん</b>"), (41, "葵", "いく！"))
)
ALONE = "[LINE] 葵とのトーク履歴\n保存日時：2025/09/01 21:14\n\n2025/04/18(金)\n12:08\t葵\tみなと\n12:09\t葵\tねえ\n"
WHATSAPP = "".join(
    f"03/0{day}/2023, 09:{day}{n} - {who}: hello {n}\n" for day in (4, 5) for n, who in enumerate(("Ann", "Bob"))
)


@dataclass
class Tab:
    """One visitor's Data tab: keeps what the page would show."""

    services: Services
    key: str = KEY
    language: str = "ja"
    shown: dict[str, Any] = field(default_factory=dict)
    """The values and updates of components that the page was given, by the name of the output."""
    steps: list[View] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context = DataContext(self.services, OpenLogs(self.services.workspace))
        self.opening, self.rows = OpenLogHandlers(self.context), RowHandlers(self.context)

    @property
    def owner(self) -> str:
        return owner(self.services, self.key)

    @property
    def log(self) -> str:
        return str(self.shown.get("log", ""))

    @property
    def opened(self) -> OpenLog:
        return present(self.context.logs.get(self.owner))

    @property
    def prepared(self) -> Prepared:
        return present(self.opened.prepared)

    @property
    def request(self) -> gr.Request:
        return visit(self.language)

    def draw(self, views: Iterable[View]) -> "Tab":
        self.steps = []
        for view in views:
            self.steps.append(view)
            self.shown |= {n: v for n, v in view._asdict().items() if v is not getattr(UNCHANGED, n)}
        return self

    def cache(self, text: str | bytes, name: str) -> str:
        """A file as Gradio keeps an upload."""
        folder = self.services.workspace.cache() / f"up{len(list(self.services.workspace.cache().iterdir()))}"
        folder.mkdir()
        self.cached = folder / name
        self.cached.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(self.cached)

    def upload(self, text: str | bytes, name: str = "talk.txt") -> "Tab":
        return self.upload_all({name: text})

    def upload_all(self, files: Mapping[str, str | bytes]) -> "Tab":
        cached = [self.cache(text, name) for name, text in files.items()]
        return self.draw(View(*given[3:]) for given in self.opening.upload(self.key, cached, self.request))

    def add(self, text: str | bytes, name: str = "newer.txt") -> "Tab":
        given = self.opening.add(self.key, self.log, [self.cache(text, name)], self.request)
        return self.draw(View(*step[3:]) for step in given)

    def sample(self) -> "Tab":
        return self.draw(self.opening.sample(self.key, self.request))

    def arrive(self) -> "Tab":
        return self.draw(View(*given[1:]) for given in self.opening.arrive(self.key, self.request))

    def choose(
        self, *, persona: str | None = None, description: str | None = None, gap: float = 60, budget: int = 0,
        **form: object,
    ) -> "Tab":  # fmt: skip
        """What the page sends when something of the form changes: all of it."""
        now, recipe = self.opened, self.opened.choices.recipe
        described = now.description if description is None else description
        stands = RecipeForm(
            persona or now.persona, described, budget or now.budget, GAP_STEPS.index(gap), recipe.shape, recipe.burst,
            recipe.separator, recipe.clean, recipe.turns, recipe.context,
            round(100 * recipe.validation_share), round(100 * recipe.test_share), now.choices.preamble_kind,
            recipe.private, list(recipe.names),
        )  # fmt: skip
        values = replace(stands, **form).values()
        return self.draw(self.opening.choose(self.key, self.log, *values, self.request))

    def reread(self, format: str = "", **answers: object) -> "Tab":
        """What the page sends when the reading is corrected."""
        values = replace(ReadingForm(format), **answers).values()
        return self.draw(self.opening.reread(self.key, self.log, *values, self.request))

    def files(self) -> list[str]:
        return sorted(p.name for p in self.services.workspace.folder(self.owner, "uploads").iterdir())


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, object]:
    import torch
    from transformers import AutoTokenizer

    torch.set_num_threads(1)
    folder = tiny_base(tmp_path_factory.mktemp("models") / "base")
    return folder, AutoTokenizer.from_pretrained(folder)


@pytest.fixture
def services(base: tuple[Path, object], home: Path) -> Services:
    return services_on(home, *base)


@pytest.fixture
def tab(services: Services) -> Tab:
    return Tab(services)


# Opening


def test_the_sample_runs_the_whole_way_in_one_click(tab: Tab) -> None:
    tab.sample()
    assert "sample_line_aoi.txt" in str(tab.steps[0].progress)
    assert tab.shown["progress"] == ""
    assert "LINE" in tab.shown["about"] and "1,522 通" in tab.shown["about"]
    assert tab.shown["persona"].value == "葵"
    assert "said learned" in tab.shown["row"]
    assert tab.shown["use"].visible and tab.shown["name"] == "葵-line"


def test_the_sample_follows_the_browsers_language(services: Services) -> None:
    tab = Tab(services, language="en").sample()
    assert "sample_whatsapp_wren.txt" in tab.shown["about"]
    assert "WhatsApp" in tab.shown["about"] and "915 messages" in tab.shown["about"]
    assert tab.shown["description"] == "You are Wren, talking with Otis."


def test_every_message_has_one_outcome_and_none_is_missing(tab: Tab) -> None:
    tab.sample()
    messages = tab.shown["ledger"].split("<details")[0]
    cells = re.findall(r"<td>(?:<span.*?</span>)?([^<]+)</td><td>([\d,]+)</td>", messages)
    figures = {label: int(n.replace(",", "")) for label, n in cells}
    assert figures.pop("数え漏れ") == 0
    assert figures.pop("合計") == sum(figures.values()) == 1522
    assert figures["学ぶ"] == sum(row.trained_messages for row in tab.prepared.train)


def test_an_upload_leaves_the_cache_at_once_and_clears_its_field(tab: Tab) -> None:
    path = tab.services.workspace.cache() / "talk.txt"
    path.write_text(CHAT, encoding="utf-8")
    given = list(tab.opening.upload(KEY, [str(path)], tab.request))
    assert not path.exists()
    assert all(fields[:3] == (None, None, None) for fields in given)


def test_only_the_newest_upload_stays_on_disk(tab: Tab) -> None:
    tab.upload(CHAT)
    first = tab.log
    tab.upload(CHAT, "again.txt")
    assert tab.log != first and tab.files() == sorted([tab.log, "open.json"])


def test_a_path_that_was_not_uploaded_is_refused(tab: Tab, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(CHAT, encoding="utf-8")
    with pytest.raises(gr.Error):
        list(tab.opening.upload(KEY, [str(secret)], tab.request))
    assert secret.exists() and tab.files() == []


@pytest.mark.parametrize("bad", [b"", b"\x00\x01\x02binary\x80\x81", b"no chat at all\n", ALONE.encode()])
def test_a_bad_file_leaves_the_log_that_was_open(tab: Tab, bad: bytes) -> None:
    tab.upload(CHAT)
    log, before = tab.log, tab.opened
    with pytest.raises(gr.Error):
        tab.upload(bad, "bad.txt")
    assert tab.log == log and tab.opened is before and tab.files() == sorted([log, "open.json"])
    assert tab.shown["problem"] and tab.shown["progress"] == ""
    assert not tab.cached.exists()


def test_one_name_that_was_guessed_can_be_corrected(tab: Tab) -> None:
    text = "".join(f"Ann: hello {n}\nbob: well {n}\n" for n in range(4))
    tab.upload(text)
    tab.reread(names=["Ann"])
    assert "Ann" in tab.shown["row"] and 'role="alert"' in tab.shown["row"] and not tab.shown["use"].visible
    tab.reread(names=["Ann", "bob"])
    assert "said learned" in tab.shown["row"] and tab.shown["use"].visible


def test_the_order_of_dates_can_be_changed(tab: Tab) -> None:
    tab.upload(WHATSAPP, "chat.txt")
    order = tab.shown["order"]
    assert order.visible and {value for _, value in order.choices} == {"dmy", "mdy"}
    before = tab.shown["about"]
    other = "dmy" if order.value == "mdy" else "mdy"
    tab.reread(order=other)
    assert tab.shown["order"].value == other and tab.shown["about"] != before
    again = Tab(tab.services).arrive()  # a page that is loaded anew
    assert again.shown["order"].value == other


def test_lines_not_understood_are_shown_with_their_numbers(tab: Tab) -> None:
    preface = ["A preface <i>of</i> sorts.", "It goes on.", ""]
    tab.upload("\n".join(preface + [f"{who}: line {n}" for n in range(9) for who in ("ANN", "BOB")]))
    assert re.search(r"<td>2</td><td>It goes on\.</td>", tab.shown["about"])
    assert "<i>of" not in tab.shown["about"]


def test_a_play_is_read_for_its_hero(tab: Tab, shared: Path) -> None:
    tab.upload((shared / "corpora/plato/Meno.txt").read_bytes(), "Meno.txt")
    assert tab.shown["persona"].value == "SOCRATES" and tab.prepared.ledger.missing == 0
    assert not tab.shown["gaps"].visible  # no times, no silences
    assert "<small>MENO</small>" in tab.shown["row"]


def test_stopping_leaves_nothing_behind(tab: Tab) -> None:
    tab.upload(CHAT)
    log = tab.log
    path = tab.services.workspace.cache() / "more.txt"
    path.write_text(CHAT, encoding="utf-8")
    going = tab.opening.upload(KEY, [str(path)], tab.request)
    next(going)
    untyped(going).close()
    assert tab.files() == sorted([log, "open.json"])
    assert tab.arrive().log == log


def test_a_full_disk_is_told_and_leaves_what_was_open(tab: Tab, monkeypatch: pytest.MonkeyPatch) -> None:
    tab.upload(CHAT)
    log, before = tab.log, tab.opened

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("core.files.os.fsync", full)
    with pytest.raises(gr.Error, match="ディスクがいっぱい"):
        tab.sample()
    assert tab.log == log and tab.opened is before and tab.files() == sorted([log, "open.json"])
    assert "ディスクがいっぱい" in tab.shown["problem"]


# Coming back


def test_a_reload_and_a_restart_find_log_and_choices_again(tab: Tab) -> None:
    tab.upload(CHAT, "[LINE] 葵.txt")
    tab.choose(persona="湊", gap=180)
    tab.choose(gap=180, description="あなたは湊です。")
    again = Tab(tab.services).arrive()
    assert again.log == tab.log and "[LINE] 葵.txt" in again.shown["about"]
    assert again.shown["persona"].value == "湊" and again.shown["description"] == "あなたは湊です。"
    assert again.shown["gap"] == GAP_STEPS.index(180)
    assert again.opened.prepared == tab.opened.prepared


def test_nobody_sees_anothers_log(tab: Tab) -> None:
    tab.upload(CHAT)
    other = Tab(tab.services, key=OTHER).arrive()
    assert other.log == "" and other.shown["start"].visible and not other.shown["content"].visible
    other.context = tab.context
    for work in (
        lambda: RowHandlers(tab.context).row(OTHER, tab.log, "train", 1, visit()),
        lambda: ExportHandlers(tab.context).download(OTHER, tab.log, "x", "rows", "none", True, "jsonl", visit()),
        lambda: ExportHandlers(tab.context).look(OTHER, tab.log, "rows", "none", True, "jsonl", visit()),
        lambda: ProfileHandlers(tab.context).unfold(OTHER, tab.log, "葵", visit()),
        lambda: list(VariantHandlers(tab.context).compare(OTHER, tab.log, visit())),
        lambda: list(OpenLogHandlers(tab.context).take_variant(OTHER, tab.log, "1-none-newline-raw", visit())),
        lambda: RowHandlers(tab.context).save(OTHER, tab.log, "x", visit()),
        lambda: list(OpenLogHandlers(tab.context).reread(OTHER, tab.log, *[None] * len(fields(ReadingForm)), visit())),
    ):
        with pytest.raises(gr.Error):
            work()
    OpenLogHandlers(tab.context).put_away(OTHER, visit())
    assert tab.arrive().log and tab.opened


def test_a_window_that_shows_a_replaced_log_is_told(tab: Tab) -> None:
    tab.upload(CHAT)
    old = tab.log
    tab.upload(CHAT)
    with pytest.raises(gr.Error, match="別の画面"):
        tab.rows.save(KEY, old, "x", tab.request)
    assert tab.services.datasets.list_all(tab.owner) == ()


def test_putting_away_removes_the_upload_and_keeps_data_sets(tab: Tab) -> None:
    tab.upload(CHAT)
    tab.rows.save(KEY, tab.log, "kept", tab.request)
    tab.draw(iter([tab.opening.put_away(KEY, tab.request)]))
    assert tab.files() == [] and tab.shown["start"].visible and tab.arrive().log == ""
    assert [s.folder.name for s in tab.services.datasets.list_all(tab.owner)] == ["kept"]


def test_memory_holds_the_logs_that_were_used_last(tab: Tab, monkeypatch: pytest.MonkeyPatch) -> None:
    tab.upload(CHAT)
    monkeypatch.setattr(open_logs, "MAX_MESSAGES", 20)
    tab.context.logs.remember("key-" + "0" * 32, tab.opened)
    assert tab.context.logs.get(tab.owner) is None
    assert "/ " in tab.rows.row(KEY, tab.log, "train", 1, tab.request)[1]  # read again from the store


# Choosing


def test_another_persona_brings_its_own_rows_and_description(tab: Tab) -> None:
    tab.upload(CHAT)
    assert tab.shown["description"] == "あなたは葵です。湊と話しています。"
    tab.choose(persona="湊")
    assert tab.shown["description"] == "あなたは湊です。葵と話しています。"
    turns = [turn for row in tab.prepared.train for turn in row.turns]
    learned = {text for turn in turns if turn.role == "assistant" for text in turn.messages}
    assert learned and all("ねえ" in text or "ごはん" in text for text in learned)
    tab.choose(description="まじめな人。")
    tab.choose(persona="葵")
    assert tab.choose(persona="湊").shown["description"] == "まじめな人。"


def test_a_longer_gap_makes_fewer_talks_and_nothing_changes_without_a_choice(tab: Tab) -> None:
    tab.upload(CHAT)
    short = tab.choose(gap=30).opened.prepared
    long = tab.choose(gap=1440).opened.prepared
    assert (present(short).sessions, present(long).sessions) == (8, 1)
    assert tab.choose(gap=1440).steps == [UNCHANGED]
    assert "1日以上あいたら" in tab.shown["plot"]
    assert "30分以上あいたら" in tab.opening.mark(KEY, tab.log, GAP_STEPS.index(30), tab.request)


def test_a_length_without_room_is_told_in_place_and_can_be_taken_back(tab: Tab) -> None:
    tab.upload(CHAT)
    tab.choose(description="とても長い説明。" * 40)
    assert "トークン" in tab.shown["row"] and 'role="alert"' in tab.shown["row"] and not tab.shown["use"].visible
    tab.choose(description="短い。")
    assert "said learned" in tab.shown["row"]


def test_rows_wait_for_the_model_and_come_when_it_is_there(tab: Tab) -> None:
    models_of(tab.services).ready = False
    tab.upload(CHAT)
    assert "待っています" in tab.shown["row"]
    assert tab.shown["persona"].value == "葵"
    with pytest.raises(gr.Error, match="少し待って"):
        tab.rows.save(KEY, tab.log, "x", tab.request)
    models_of(tab.services).ready = True
    tab.draw(tab.opening.watch(KEY, tab.log, tab.request))
    assert "said learned" in tab.shown["row"]
    assert tab.draw(tab.opening.watch(KEY, tab.log, tab.request)).steps == [UNCHANGED]


def test_a_model_that_comes_while_a_log_is_read_is_not_missed(tab: Tab, monkeypatch: pytest.MonkeyPatch) -> None:
    models_of(tab.services).ready = False
    read_log = Reading.log

    def slow(*args: Any, **answers: Any) -> Log:
        models_of(tab.services).ready = True
        return read_log(*args, **answers)

    monkeypatch.setattr(Reading, "log", slow)
    assert "said learned" in tab.upload(CHAT).shown["row"]


# Rows


def test_walking_stays_within_the_rows(tab: Tab) -> None:
    tab.upload(CHAT)
    count = len(tab.prepared.train)
    assert count > 2
    number, row = tab.rows.next(KEY, tab.log, "train", 1, tab.request)
    assert number.value == 2 and f"2 / {count}" in row
    assert tab.rows.next(KEY, tab.log, "train", count, tab.request)[0].value == count
    assert tab.rows.previous(KEY, tab.log, "train", 1, tab.request)[0].value == 1
    held = tab.rows.first(KEY, tab.log, "validation", tab.request)[1]
    assert "said validation" in held and "said learned" not in held


def test_a_row_tells_what_the_prompt_of_training_masks(tab: Tab) -> None:
    tab.upload(CHAT)
    loaded = tab.services.models.current()
    turns = tab.prepared.train[0].turns
    prompt = render(prompt_config_of(tab.opened, loaded), turns, loaded.tokenizer, training=True)
    assert f"{len(prompt.ids)} トークン中 {sum(prompt.loss_mask)} を学習" in tab.shown["row"]
    assert 0 < sum(prompt.loss_mask) < len(prompt.ids) <= tab.opened.budget


def test_what_people_wrote_is_escaped(tab: Tab) -> None:
    tab.upload(CHAT, "<img src=x>.txt")
    rows = "".join(tab.rows.row(KEY, tab.log, "train", n, tab.request)[1] for n in range(1, 9))
    assert "&lt;b&gt;ごはん" in rows and "<b>ごはん" not in rows
    assert "<img" not in tab.shown["about"]


# Saved data sets


def test_learning_saves_once_and_opens_the_train_tab(tab: Tab) -> None:
    tab.upload(CHAT)
    name, saved, card, dataset, tabs = tab.rows.learn(KEY, tab.log, tab.shown["name"], tab.request)
    assert name == dataset == saved.value == "葵-line" and card.visible and tabs.selected == "train"
    assert tab.rows.learn(KEY, tab.log, name, tab.request)[3] == "葵-line"
    info = tab.services.datasets.get(tab.owner, "葵-line").info
    assert (info.persona, info.description, info.model) == ("葵", tab.opened.description, "base")
    assert info.counts[Outcome.LEARNED.value] == tab.prepared.ledger.counts[Outcome.LEARNED]
    tab.choose(gap=30)
    assert tab.shown["name"] == "葵-line-2"
    assert tab.rows.save(KEY, tab.log, "葵-line", tab.request)[0] == "葵-line-2"


def test_a_name_that_cannot_be_one_is_refused(tab: Tab) -> None:
    tab.upload(CHAT)
    with pytest.raises(gr.Error):
        tab.rows.save(KEY, tab.log, "../up", tab.request)
    assert tab.services.datasets.list_all(tab.owner) == ()


def test_saved_sets_are_listed_shown_and_deleted_by_their_owner(tab: Tab) -> None:
    tab.upload(CHAT, "<b>.txt")
    tab.rows.save(KEY, tab.log, "mine", tab.request)
    saved = SavedHandlers(tab.services)
    assert [value for _, value in saved.refresh_list(KEY, None, tab.request)[0].choices] == ["mine"]
    facts, actions, sure = saved.show(KEY, "mine", tab.request)
    assert "葵" in facts and "&lt;b&gt;.txt" in facts and actions.visible and not sure.visible
    assert saved.learn(KEY, "mine", tab.request)[0] == "mine"
    assert saved.refresh_list(OTHER, None, tab.request)[0].choices == []
    for work in (saved.show, saved.learn):
        with pytest.raises(gr.Error):
            work(OTHER, "mine", tab.request)
    with pytest.raises(gr.Error):
        saved.delete(OTHER, "mine", "", tab.request)
    listed, card, dataset = saved.delete(KEY, "mine", "mine", tab.request)
    assert listed.choices == [] and not card.visible and dataset == ""
    assert saved_sets.listed(tab.services, tab.services.visitor(KEY, tab.request, None))[0].choices == []


# Silences


def test_silences_are_counted_once_and_the_mark_parts_them() -> None:
    histogram = GapHistogram.of([0, 0.2, 1, 30, 60, 600, 60 * 24 * 400])
    assert sum(histogram.counts) == 7 and histogram.counts[-1] == 1
    drawn = gaps_picture(histogram, 45, 3, "en")
    bars = re.findall(r'<rect class="(\w+)" x="([\d.]+)"', drawn)
    cut = float(present(re.search(r'class="cut" x1="([\d.]+)"', drawn))[1])
    assert {css for css, x in bars if float(x) > cut} == {"apart"}
    assert {css for css, x in bars if float(x) < cut - 8} == {"together"}
    assert "A gap of 45 min" in drawn and "3 conversations" in drawn
    assert not GapHistogram.of([]) and "<svg" not in gaps_picture(GapHistogram(), 60, 1, "en")


def test_steps_have_words_and_the_nearest_is_found() -> None:
    said = [duration(minutes, "ja") for minutes in (1, 90, 120, 1440, GAP_STEPS[-1])]
    assert said == ["1分", "90分", "2時間", "1日", "1週間"]
    assert [nearest_step(minutes) for minutes in GAP_STEPS] == list(range(len(GAP_STEPS)))
    assert GAP_STEPS[nearest_step(65)] == 60


LONG = "[LINE] 葵とのトーク履歴\n保存日時：2025/09/01 21:14\n" + "".join(
    f"\n2025/0{month}/{day:02d}(金)\n" + "".join(
        f"{hour}:{minute:02d}\t{'湊' if minute % 2 else '葵'}\tねえ {month}{day}{hour}{minute}\n"
        for hour in range(10, 20) for minute in range(20)
    )
    for month in range(1, 3) for day in range(1, 15)
)  # fmt: skip


def test_who_speaks_in_a_long_log_is_shown_before_its_rows(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_rows, "TELL_EVERY", -1.0)  # else a fast machine has nothing to tell
    tab = Tab(services).upload(LONG)
    shown = [step for step in tab.steps if step.persona is not UNCHANGED.persona]
    assert len(shown) == 2 and [bool(step.progress) for step in shown] == [True, False]
    shown = [untyped(step) for step in shown]
    early, done = ([name for _, name in step.persona.choices] for step in shown)
    assert early == done == ["葵", "湊"] and "行はこれからできます" in shown[0].row
    assert not shown[0].use.visible and shown[1].use.visible and tab.opened.prepared
    before = tab.steps.index(shown[0])
    assert any("行をつくっています" in str(step.progress) for step in tab.steps[before + 1 :])


def test_making_the_rows_can_be_stopped_and_begun_again(services: Services) -> None:
    tab = Tab(services)
    for step in tab.opening.upload(tab.key, [tab.cache(LONG, "talk.txt")], tab.request):
        view = View(*step[3:])
        if view.persona is not UNCHANGED.persona:
            break
    tab.draw(View(*given[1:]) for given in tab.opening.stop(tab.key, tab.request))
    assert "途中でやめました" in tab.shown["row"] and tab.shown["make"].visible and len(tab.files()) == 2
    assert [name for _, name in tab.shown["persona"].choices] == ["葵", "湊"]
    tab.arrive()
    assert "途中でやめました" in tab.shown["row"]
    tab.draw(tab.opening.make_rows(tab.key, tab.log, tab.request))
    assert tab.opened.prepared and not tab.shown["make"].visible


def test_a_persona_chosen_while_rows_are_made_is_the_one_that_stays(services: Services) -> None:
    tab = Tab(services)
    steps = tab.opening.upload(tab.key, [tab.cache(LONG, "talk.txt")], tab.request)
    for step in steps:
        if View(*step[3:]).persona is not UNCHANGED.persona:
            tab.draw([View(*step[3:])])
            break
    first = tab.opened.persona
    other = next(name for _, name in tab.shown["persona"].choices if name != first)
    tab.choose(persona=other)
    last = [View(*step[3:]) for step in steps][-1]
    assert last.persona is UNCHANGED.persona and last.progress == ""
    assert tab.opened.persona == other and tab.opened.prepared
