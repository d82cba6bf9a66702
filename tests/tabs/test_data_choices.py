"""The Data tab's folds: what is confirmed, how rows are made, privacy, profile, variants, further files, downloads."""

# ruff: noqa: F401, F811 - the fixtures come from the other file
import io
import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest

from core.data.io.export import EXPORT_FORMATS
from core.data.ledger import Outcome
from core.data.log_choices import LogChoices
from core.data.recipe import Recipe
from tabs.data.log.profile_view import ProfileHandlers
from tabs.data.outputs import UNCHANGED
from tabs.data.rows.exports import ExportHandlers
from tabs.data.rows.variants_view import VariantHandlers
from tabs.data.sets import load_sets
from tabs.data.sets.load_sets import LoadHandlers
from tabs.ui.charts import columns
from tests.helpers.tab_tiny import KEY
from tests.helpers.typed import untyped
from tests.tabs.test_data import CHAT, Tab, base, services, tab

HEAD = "[LINE] 葵とのトーク履歴\n保存日時：2025/09/01 21:14\n\n2025/04/18(金)\n"
SECRET = HEAD + (
    "12:00\t湊\t電話は090-1234-5678だよ <b>\n12:01\t葵\t湊さん、了解\n"
    "12:02\t湊\tメールは minato@test.jp ね\n12:03\t葵\tうん\n"
)
TWO_ROOMS = ("Ann: hello Bob\nBob: hello Ann\n" * 4, "Ann: hi Cid\nCid: hi Ann\n" * 6)
TABLE = "date,sender,text,note\n" + "".join(
    f"2024-05-0{day} 10:0{n},{who},words {n} of {day},{who.lower()}{n}\n"
    for day in (1, 2, 3) for n, who in enumerate(("Ann", "Bob", "Ann", "Bob"))
)  # fmt: skip


def zipped(files: dict[str, str]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return held.getvalue()


def figures(html: str) -> dict[str, int]:
    """What the ledger says, by label."""
    cells = re.findall(r"<td>(?:<span.*?</span>)?([^<]+)</td><td>([\d,]+)</td>", html.split("<details")[0])
    return {label: int(n.replace(",", "")) for label, n in cells}


# Confirming


def test_the_chats_of_an_archive_are_chosen_by_name(tab: Tab) -> None:
    tab.upload(zipped({"Bob.txt": TWO_ROOMS[0], "Cid.txt": TWO_ROOMS[1]}), "chats.zip")
    assert tab.shown["chats"].visible and tab.shown["conversations"].value == []  # all
    assert [name for name, _ in tab.shown["conversations"].choices] == ["Cid", "Bob"]
    everything = figures(tab.shown["ledger"])["合計"]
    tab.reread(conversations=["Bob"])
    assert tab.shown["conversations"].value == ["Bob"] and figures(tab.shown["ledger"])["合計"] == 8 < everything
    assert not any("Cid" in name for name, _ in tab.shown["persona"].choices)
    assert Tab(tab.services).arrive().shown["conversations"].value == ["Bob"]
    tab.reread(conversations=[])
    assert figures(tab.shown["ledger"])["合計"] == everything


def test_a_file_in_utc_asks_for_the_zone(tab: Tab) -> None:
    talk = [{"sender_name": "AB"[i % 2], "timestamp_ms": 1_741_053_600_000 + i, "content": f"hi {i}"} for i in range(6)]
    people = [{"name": "A"}, {"name": "B"}]
    tab.upload(
        json.dumps({"participants": people, "messages": talk, "title": "A", "thread_path": "x"}), "message_1.json"
    )
    assert tab.shown["zones"].visible and tab.shown["zone"].value is None  # the browser's, once it is on the page
    assert "02:00" in tab.shown["about"] or "UTC" in tab.shown["about"]
    tab.reread(zone="Asia/Tokyo")
    assert tab.shown["zone"].value == "Asia/Tokyo" and "Asia/Tokyo" in tab.shown["about"]
    assert Tab(tab.services).arrive().shown["zone"].value == "Asia/Tokyo"


def test_sentences_that_a_rule_took_for_the_apps_can_be_taken_back(tab: Tab) -> None:
    lines = [f"05/03/2025, 10:0{i} - {'AB'[i % 2]}: hi {i}" for i in range(6)]
    tab.upload("\n".join((*lines, "05/03/2025, 10:09 - B: <An cire hoto>")), "WhatsApp.txt")
    assert tab.shown["presumed"].visible and tab.shown["presumed"].value == ["<An cire hoto>"]
    assert "アプリ自身の文とみられる" in tab.shown["ledger"]
    tab.reread(presumed=[])
    assert tab.shown["presumed"].value == [] and "アプリ自身の文とみられる" not in tab.shown["ledger"]
    assert Tab(tab.services).arrive().shown["presumed"].value == []


def test_a_file_with_one_chat_asks_nothing_about_chats(tab: Tab) -> None:
    tab.upload(CHAT)
    assert not tab.shown["chats"].visible and not tab.shown["sender"].visible


def test_the_columns_of_a_table_are_confirmed(tab: Tab) -> None:
    tab.upload(TABLE, "table.csv")
    assert [tab.shown[c].visible for c in ("sender", "text", "time")] == [True] * 3
    assert (tab.shown["sender"].value, tab.shown["time"].value) == ("sender", "date")
    assert ("なし", "") in tab.shown["time"].choices
    tab.reread(sender="sender", text="note", time="date")
    said = {text for row in tab.prepared.train for turn in row.turns for text in turn.messages}
    assert said and all(re.fullmatch(r"(ann|bob)\d", text) for text in said)
    tab.reread(sender="sender", text="text", time="")
    assert tab.opened.log.messages[0].time is None


def test_answers_do_not_outlive_the_format_they_were_given_for(tab: Tab) -> None:
    tab.upload(TABLE, "table.csv")
    tab.reread(sender="sender", text="note", time="date")
    assert tab.opened.choices.columns == ("sender", "note", "date")
    tab.reread(format="csv", sender="sender", text="note", time="date")
    assert tab.opened.choices.columns == () and tab.opened.choices.format == "csv"


# Adjusting the rows


def test_each_shape_changes_the_rows_and_keeps_every_message(tab: Tab) -> None:
    tab.upload(CHAT)
    made = {}
    for shape in ("conversation", "window", "pair"):
        tab.choose(shape=shape)
        assert figures(tab.shown["ledger"])["数え漏れ"] == 0
        made[shape] = tab.prepared.train
    assert all(len(row.turns) == 2 for row in made["pair"])
    assert len(made["pair"]) == len(made["window"]) > len(made["conversation"])


def test_what_the_persona_said_before_is_shown_as_context(tab: Tab) -> None:
    tab.upload(CHAT)
    tab.choose(gap=1440, shape="window")
    number = next(n for n, row in enumerate(tab.prepared.train, 1) if any(not turn.trained for turn in row.turns))
    html = tab.rows.row(KEY, tab.log, "train", number, tab.request)[1]
    assert "said context" in html and "said learned" in html and "この人の発言（文脈だけ）" in html


def test_the_shares_decide_what_is_kept_aside(tab: Tab) -> None:
    tab.upload(CHAT)
    tab.choose(gap=30, validation=20, test=20)
    assert [value for _, value in tab.shown["split"].choices] == ["train", "validation", "test"]
    counts = tab.prepared.ledger.counts
    assert counts[Outcome.TEST] and "テスト用に取り分け" in tab.shown["ledger"]
    assert "said validation" in tab.rows.first(KEY, tab.log, "test", tab.request)[1]
    tab.choose(gap=30, validation=0, test=0)
    assert Outcome.VALIDATION not in tab.prepared.ledger.counts
    assert [value for _, value in tab.shown["split"].choices] == ["train", "validation"]


def test_fields_show_only_where_the_recipe_needs_them(tab: Tab) -> None:
    tab.upload(CHAT)
    assert not tab.shown["separator"].visible and tab.shown["context"].visible
    tab.choose(burst="separator", separator=" / ")
    assert tab.shown["separator"].visible and tab.opened.choices.recipe.separator == " / "
    tab.choose(separator=None)  # cleared while typing
    assert tab.opened.choices.recipe.separator == " / "
    tab.choose(shape="pair")
    assert not tab.shown["turns"].visible and not tab.shown["context"].visible


def test_a_choice_leaves_the_form_alone_for_it_may_be_on_the_move(tab: Tab) -> None:
    tab.upload(CHAT)
    tab.choose(validation=20)
    last = tab.steps[-1]
    assert last.gap is UNCHANGED.gap and last.validation is UNCHANGED.validation and last.ledger is not UNCHANGED.ledger


def test_what_cleaning_leaves_out_is_told_with_examples(tab: Tab) -> None:
    long = "きょうは朝からとても天気がよかったので、川ぞいの道をずっと歩いて、橋のところでパンを食べました。"
    lines = "".join(f"1{n}:0{k}\t{who}\t{text}\n" for n in range(4) for k, (who, text) in enumerate(
        (("湊", f"やあ {n}"), ("葵", long), ("湊", f"ふうん {n}"), ("葵", f"そう {n}"))
    ))  # fmt: skip
    tab.upload(HEAD + lines)
    assert "同じ長文のくり返し" not in tab.shown["ledger"]
    tab.choose(clean=True)
    assert figures(tab.shown["ledger"])["同じ長文のくり返し"] == 3 and figures(tab.shown["ledger"])["数え漏れ"] == 0
    examples = tab.shown["ledger"].split('id="data-left-out"')[1]
    assert long in examples and "葵・10 行目" in examples


def test_a_recipe_comes_back_after_a_reload_and_is_saved(tab: Tab) -> None:
    tab.upload(CHAT)
    tab.choose(shape="pair", clean=True, preamble="address")
    again = Tab(tab.services).arrive()
    assert (again.shown["shape"], again.shown["clean"], again.shown["preamble"]) == ("pair", True, "address")
    assert again.opened.choices == tab.opened.choices
    name = tab.rows.save(KEY, tab.log, "pairs", tab.request)[0]
    recipe = tab.services.datasets.get(tab.owner, name).info.recipe
    assert Recipe.from_json(recipe).shape == "pair"
    row = tab.services.datasets.read_rows(tab.owner, name, "train")[0]
    assert row.turns[0].messages[0].startswith("葵さん。")


def test_choices_of_an_earlier_version_are_read() -> None:
    old = {"file": "a.txt", "name": "a", "names": ["x"], "gap_minutes": 45, "budget": 64}
    assert LogChoices.from_json(old) == LogChoices("a.txt", "a", names=("x",), budget=64)


# Privacy


def test_privacy_shows_what_changes_before_anything_is_saved(tab: Tab) -> None:
    tab.upload(SECRET)
    assert tab.shown["diff"] == "" and not tab.shown["secrets"].visible
    tab.choose(private=True)
    assert tab.shown["secrets"].value == ["湊"]  # whom the persona talks with
    html = tab.shown["diff"]
    assert "<del>090-1234-5678</del>" in html and "<del>minato@test.jp</del>" in html and "<del>湊</del>" in html
    assert re.search(r"電話番号<b[^>]*>1</b>", html) and re.search(r"リストの名前<b[^>]*>1</b>", html)
    assert "<b>" not in html.replace('<b class="num">', "") and "&lt;b&gt;" in html
    said = str([turn for row in tab.prepared.train for turn in row.turns])
    assert "090-1234-5678" not in said and "minato@" not in said
    assert "湊" in tab.opened.description and "残っています" in html  # told, for nobody else would notice
    assert tab.services.datasets.list_all(tab.owner) == ()


def test_the_list_of_names_is_the_persons_own(tab: Tab) -> None:
    tab.upload(SECRET)
    tab.choose(private=True)
    tab.choose(secrets=["湊=さくら"])
    assert "<ins>さくら</ins>" in tab.shown["diff"]
    tab.choose(secrets=[])  # emptied on purpose: it stays empty
    assert tab.opened.choices.recipe.names == () and "<del>湊</del>" not in tab.shown["diff"]
    tab.choose(private=False)
    assert tab.shown["diff"] == ""


# How they write


def test_the_profile_is_drawn_when_somebody_looks(tab: Tab) -> None:
    tab.sample()
    profile = ProfileHandlers(tab.context)
    unfolded, html = profile.unfold(KEY, tab.log, "葵", tab.request)
    assert unfolded and html.count("<svg") == 4 and "葵" in html and "よく使うことば" in html
    assert html.count('role="img"') == html.count("aria-label=") == 4
    assert "湊" in profile.follow(KEY, tab.log, "湊", True, tab.request)
    assert "<svg" not in profile.follow(KEY, tab.log, "湊", False, tab.request)


def test_a_log_without_times_has_no_hours(tab: Tab) -> None:
    tab.upload("".join(f"Ann: hello {n}\nBob: well {n}!\n" for n in range(5)))
    html = ProfileHandlers(tab.context).unfold(KEY, tab.log, "Bob", tab.request)[1]
    assert "話す時間" not in html and "返事までの時間" not in html and "1 通の長さ" in html


def test_columns_are_as_high_as_the_counts() -> None:
    drawn = columns([0, 5, 10], {2: "<x>"}, "words & more")
    heights = [float(h) for h in re.findall(r'height="([\d.]+)"', drawn)]
    assert len(heights) == 2 and heights[1] == pytest.approx(2 * heights[0], abs=0.2)
    assert "&lt;x&gt;" in drawn and 'aria-label="words &amp; more"' in drawn


# Variants


def test_variants_are_compared_and_one_is_taken(tab: Tab) -> None:
    tab.upload(CHAT)
    handlers = VariantHandlers(tab.context)
    steps = list(handlers.compare(KEY, tab.log, tab.request))
    going, html, choices, part = steps[-1]
    assert going == "" and part.visible and len(choices.choices) == 36 and html.count("<tr") == 37
    assert html.count("<svg") == 8 and any("/ 36" in str(step[0]) for step in steps)
    before = tab.prepared.ledger.messages
    tab.draw(tab.opening.take_variant(KEY, tab.log, "1-address-newline-clean", tab.request))
    chosen = tab.opened.choices
    assert (chosen.recipe.shape, chosen.recipe.clean, chosen.preamble_kind) == ("pair", True, "address")
    assert (tab.shown["shape"], tab.shown["preamble"]) == ("pair", "address")
    assert "葵さん。" in tab.shown["row"] and tab.prepared.ledger.messages == before
    html, choices, _ = handlers.standing(KEY, tab.log, tab.request)
    assert html.count('<tr class="now">') == 1 and choices.value == "1-address-newline-clean"
    made = next(one for one in tab.opened.compared if one.name == choices.value).statistics
    rows = tab.prepared
    assert made.samples == len(rows.train) + len(rows.validation) + len(rows.test)


@pytest.mark.parametrize("changed", [{"persona": "湊"}, {"gap": 30}, {"private": True}])
def test_variants_of_what_has_changed_are_not_offered(tab: Tab, changed: dict) -> None:
    tab.upload(CHAT)
    handlers = VariantHandlers(tab.context)
    list(handlers.compare(KEY, tab.log, tab.request))
    tab.choose(**changed)
    assert handlers.standing(KEY, tab.log, tab.request)[1].choices == []
    with pytest.raises(gr.Error, match="もう一度比べて"):
        list(tab.opening.take_variant(KEY, tab.log, "1-none-newline-raw", tab.request))


# Further files


def test_a_newer_export_adds_only_what_is_new(tab: Tab) -> None:
    tab.upload(CHAT)
    before = tab.prepared.ledger.messages
    tab.add(CHAT + "22:01\t湊\tまだ起きてる？\n22:02\t葵\t起きてる <i>\n")
    assert tab.prepared.ledger.messages == before + 2
    assert "新しい 2 通" in tab.shown["about"] and f"{before} 通は同じ" in tab.shown["about"]
    assert "まだ起きてる？" in tab.shown["about"] and "<i>" not in tab.shown["about"]
    assert figures(tab.shown["ledger"])["数え漏れ"] == 0 and len(tab.files()) == 3
    again = Tab(tab.services).arrive()
    assert again.opened.log.messages == tab.opened.log.messages
    tab.draw(iter([tab.opening.put_away(KEY, tab.request)]))
    assert tab.files() == []


def test_a_newer_export_that_cannot_be_read_loses_nothing(tab: Tab) -> None:
    tab.upload(CHAT)
    files, before = tab.files(), tab.opened
    with pytest.raises(gr.Error, match=r"newer\.txt"):
        tab.add(b"\x00\x01\x02binary\x80\x81")
    assert tab.files() == files and tab.opened is before and tab.arrive().log == tab.log


def test_several_files_at_once_stay_apart(tab: Tab) -> None:
    tab.upload_all({"Bob.txt": TWO_ROOMS[0], "Cid.txt": TWO_ROOMS[1]})
    assert {name for _, name in tab.shown["persona"].choices} == {"Ann", "Bob", "Cid"}
    assert tab.prepared.sessions == 2 and len(tab.files()) == 3
    assert figures(tab.shown["ledger"])["合計"] == 20
    tab.upload(CHAT)
    assert len(tab.files()) == 2


# Downloading


def read_zip(given: str) -> dict[str, bytes]:
    with zipfile.ZipFile(given) as archive:
        return {file: archive.read(file) for file in archive.namelist()}


def test_the_download_holds_every_row_once(tab: Tab) -> None:
    tab.upload(CHAT)
    given = ExportHandlers(tab.context).download(KEY, tab.log, "../葵 line", "rows", "none", True, "jsonl", tab.request)
    assert Path(given).name == "葵-line.zip"
    rows = {name: data.decode().splitlines() for name, data in read_zip(given).items()}
    prepared = tab.prepared
    assert [json.loads(line) for line in rows["train.jsonl"]] == [row.to_json() for row in prepared.train]
    assert [json.loads(line) for line in rows["validation.jsonl"]] == [row.to_json() for row in prepared.validation]


@pytest.mark.parametrize("export_format", ["rows", *EXPORT_FORMATS])
@pytest.mark.parametrize("kind", ["jsonl", "json", "parquet"])
def test_every_form_and_file_type_is_written_and_shown(tab: Tab, export_format: str, kind: str, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    tab.upload(CHAT)
    handlers = ExportHandlers(tab.context)
    given = handlers.download(KEY, tab.log, "x", export_format, "address", True, kind, tab.request)
    data = read_zip(given)[f"train.{kind}"]
    if kind == "parquet":
        rows = pq.read_table(io.BytesIO(data)).to_pylist()
    else:
        rows = json.loads(data) if kind == "json" else [json.loads(line) for line in data.decode().splitlines()]
    assert len(rows) == len(tab.prepared.train)
    line, breaks, sample = handlers.look(KEY, tab.log, export_format, "address", True, kind, tab.request)
    assert line.visible == (export_format != "rows") and breaks.visible == export_format.startswith("instruction")
    assert (
        ("葵さん。" in json.dumps(rows[0], ensure_ascii=False)) == (export_format != "rows") == ("葵さん。" in sample)
    )
    assert "<b>" not in sample


def test_a_line_that_rows_already_have_is_written_once(tab: Tab) -> None:
    tab.upload(CHAT)
    tab.choose(preamble="address")
    sample = ExportHandlers(tab.context).look(KEY, tab.log, "instruction", "address", False, "jsonl", tab.request)[2]
    assert sample.count("葵さん。") == 1


# Loading back


def load(tab: Tab, text: str | bytes, name: str, persona: str = "") -> list[tuple]:
    return list(LoadHandlers(tab.services).upload(KEY, tab.cache(text, name), persona, tab.request))


def test_what_was_downloaded_loads_back(tab: Tab) -> None:
    tab.upload(CHAT)
    given = ExportHandlers(tab.context).download(KEY, tab.log, "葵", "rows", "none", True, "jsonl", tab.request)
    field, state, listed, card, *_ = load(tab, Path(given).read_bytes(), "葵.zip", "葵")[-1]
    assert field is None and card.visible and listed.value == "葵" and "葵" in state
    rows = tab.services.datasets.read_rows(tab.owner, "葵", "train")
    assert [row.to_json() for row in rows] == [row.to_json() for row in tab.prepared.train]
    assert tab.services.datasets.get(tab.owner, "葵").info.persona == "葵"
    assert tab.files() == sorted([tab.log, "open.json"])  # the uploaded file is gone


def test_a_file_without_rows_is_told_and_leaves_nothing(tab: Tab) -> None:
    with pytest.raises(gr.Error, match="行のファイルとして読めません"):
        load(tab, "no rows", "bad.jsonl")
    assert tab.services.datasets.list_all(tab.owner) == () and tab.files() == []


def test_a_data_set_of_the_hub_is_pulled_with_the_visitors_own_token(
    tab: Tab,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = {}

    def downloaded(repo: str, folder: Path, *, token: str | None, on_progress: object) -> None:
        asked.update(repo=repo, token=token)
        (folder / "t.jsonl").write_text('{"messages": [{"role": "assistant", "content": "hi"}]}\n' * 3)

    monkeypatch.setattr(load_sets, "download_set", downloaded)
    monkeypatch.setattr(load_sets, "login_token", lambda: "hf_of_the_machine")
    handlers = LoadHandlers(tab.services)
    last = list(handlers.pull(KEY, "ann/talks", " hf_typed ", "Ann", tab.request))[-1]
    assert asked == {"repo": "ann/talks", "token": "hf_typed"} and last[0] == "" and untyped(last[2]).value == "talks"
    assert tab.services.datasets.get(tab.owner, "talks").info.persona == "Ann" and tab.files() == []
    list(LoadHandlers(replace(tab.services, public=True)).pull(KEY, "ann/talks", "", "", tab.request))
    assert asked["token"] is None  # the machine's token is not for strangers
