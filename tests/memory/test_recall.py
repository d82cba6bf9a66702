"""What comes back from memory: the right turns, notes, days and passages, worded as what they are."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from core.errors import InputError
from core.memory.diary import Diary, DiaryEntry
from core.memory.documents import Documents, cut
from core.memory.notes import Notes
from core.memory.retrieve.dates import parse_date_query
from core.memory.retrieve.recall import Participants, VisibleTurns, known, quoted, retrieve_turns, score
from core.memory.retrieve.word_index import sought, terms
from core.memory.store import MemoryStore, search
from core.memory.turns import Dated, Turns
from core.messages import Turn
from core.text import normalize_for_match, share_contained, similarity

NOW = datetime(2026, 11, 21, 15, 0)
WHO = Participants("mika", "ミカ", "ケン")
NOTHING = VisibleTurns()
EN = Participants("mika", "Mika", "Ken")


@pytest.fixture
def store(tmp_path: Path) -> MemoryStore:
    return MemoryStore(tmp_path / "memory.sqlite")


def said(
    store: MemoryStore, text: str, when: datetime = NOW, *, conversation: str = "c1", persona: str = "mika"
) -> None:
    """One more turn of the user at the end of a conversation."""
    with store.connect() as db:
        rows = db.execute(
            "select role, text from turns where conversation = ? and live order by place", (conversation,)
        ).fetchall()
    before = [Turn(row["role"], (row["text"],)) for row in rows]
    Turns(store).keep(persona, conversation, [*before, Turn("user", (text,))], when.timestamp())


def recall(
    store: MemoryStore, words: str, *, who: Participants = WHO, now: datetime = NOW, shown: VisibleTurns = NOTHING
) -> tuple:
    return retrieve_turns(store, who, words, shown=shown, window=1024, now=now)


@pytest.mark.parametrize(("one", "other"), [("ネコ", "ねこ"), ("ﾈｺ", "ネコ"), ("ＣＡＴ", "cat"), ("ガ", "ｶﾞ")])
def test_what_reads_the_same_is_the_same(one: str, other: str) -> None:
    assert normalize_for_match(one) == normalize_for_match(other) and set(terms(one)) == set(terms(other))


def test_what_says_nothing_is_not_looked_up() -> None:
    assert sought("Do you know what my dog is?") == ["dog"]
    assert sought("そうですよね、京都は？") == ["京都"]
    assert sought("なにたべた") == ["なに", "にた", "たべ", "べた"]
    assert sought("！？") == []


def test_likeness() -> None:
    assert similarity("犬を飼っている", "犬を飼っている。") == 1 and similarity("犬", "猫") == 0
    assert share_contained("犬を飼う", "昨日から犬を飼うことにした") == 1 and share_contained("猫", "犬を飼う") == 0


@pytest.mark.parametrize(
    ("question", "text"),
    [("京都", "京都に行ってきた"), ("猫", "うちの猫"), ("ネコ", "ねこを拾った"), ("dogs", "I got a dog"),
     ("妹の名前は？", "妹の名前はハナだよ"), ("ＣＤ", "cdを買った")],
)  # fmt: skip
def test_a_turn_is_found_by_few_letters(store: MemoryStore, question: str, text: str) -> None:
    said(store, "きょうは雨だった")
    said(store, text)
    found = Turns(store).found("mika", question, span=None, not_in=("", 0))
    assert [turn.text for turn, _ in found] == [text]


def test_one_shared_pair_of_letters_is_not_enough(store: MemoryStore) -> None:
    said(store, "昨日の会議が長かった")
    assert recall(store, "来週の会費はいくらだったかな、教えて") == ()


def test_words_that_everybody_uses_still_find_something(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the terms match too many rows together, the rarest of them have to do."""
    monkeypatch.setattr("core.memory.store.LARGEST_SCAN", 5)
    for number in range(6):
        said(store, f"京都の写真、{number}枚目")
    said(store, "京都で旅行の約束をした")
    assert "約束" in recall(store, "京都の旅行の約束の写真は？")[0]
    said(store, "旅行の話")
    said(store, "約束の話")
    assert recall(store, "京都の旅行の約束の写真は？")


def test_another_personas_words_stay_there(store: MemoryStore) -> None:
    said(store, "秘密の合言葉は山椒魚", persona="rin", conversation="r1")
    Notes(store, "rin").add("ケンは山椒魚が好き", now=0)
    Diary(store, "rin").write(DiaryEntry("day", NOW.date(), "山椒魚の話をした"), 0)
    assert recall(store, "山椒魚の合言葉は？") == ()
    background = known(store, WHO, "山椒魚の合言葉は？", window=1024, now=NOW)
    assert not background.knowledge and not background.timeline
    assert "山椒魚" in recall(store, "山椒魚の合言葉は？", who=replace(WHO, persona="rin"))[0]


def test_lines_say_when_and_who(store: MemoryStore) -> None:
    said(store, "犬を飼い始めたよ\n名前はポチ", datetime(2026, 5, 3, 9))
    assert recall(store, "犬の名前なんだっけ") == ("2026年5月3日 ケン「犬を飼い始めたよ 名前はポチ」",)
    said(store, "I planted a lemon tree", datetime(2026, 5, 4, 9))
    assert recall(store, "the lemon tree", who=EN) == ("4 May 2026, Ken: “I planted a lemon tree”",)


def test_what_the_prompt_shows_is_not_told_again(store: MemoryStore) -> None:
    said(store, "ポチは柴犬だよ")
    said(store, "柴犬のポチと散歩した")
    assert len(recall(store, "柴犬のポチ", shown=VisibleTurns("c1", 1))) == 1
    assert len(recall(store, "柴犬のポチ", shown=VisibleTurns("c1", 0))) == 0
    assert len(recall(store, "柴犬のポチ", shown=VisibleTurns("c2", 0))) == 2


def test_a_branch_repeats_nothing(store: MemoryStore) -> None:
    said(store, "ポチは柴犬だよ", NOW - timedelta(days=9), conversation="first")
    said(store, "ポチは柴犬だよ", NOW, conversation="branch")
    assert recall(store, "柴犬のこと") == ("2026年11月12日 ケン「ポチは柴犬だよ」",)
    assert recall(store, "柴犬のこと", shown=VisibleTurns("branch", 0, frozenset({"ポチは柴犬だよ"}))) == ()


@pytest.mark.parametrize(
    ("question", "days"),
    [("昨日", 1), ("おととい", 2), ("三日前", 3), ("２週間前", 14), ("yesterday", 1), ("the day before yesterday", 2),
     ("ten days ago 10 days ago", 10), ("a week ago", 7), ("on Friday", 1), ("土曜日", 7)],
)  # fmt: skip
def test_days_are_counted_back(question: str, days: int) -> None:
    span = parse_date_query(question, NOW).span
    assert span is not None
    assert span.start <= NOW - timedelta(days=days) < span.end and span.end <= NOW.replace(hour=0)


@pytest.mark.parametrize(
    ("question", "start", "end"),
    [("先週", "2026-11-09", "2026-11-16"), ("last week", "2026-11-09", "2026-11-16"),
     ("先月", "2026-10-01", "2026-11-01"), ("in May", "2026-05-01", "2026-06-01"),
     ("5月に", "2026-05-01", "2026-06-01"),
     ("12月", "2025-12-01", "2026-01-01"), ("５月３日", "2026-05-03", "2026-05-04"),
     ("May 3rd", "2026-05-03", "2026-05-04"),
     ("2024年2月", "2024-02-01", "2024-03-01"), ("去年", "2025-01-01", "2026-01-01"),
     ("3か月前", "2026-08-01", "2026-09-01"), ("2024-02-29", "2024-02-29", "2024-03-01")],
)  # fmt: skip
def test_weeks_months_and_dates(question: str, start: str, end: str) -> None:
    span = parse_date_query(question, NOW).span
    assert span is not None
    assert (span.start, span.end) == (datetime.fromisoformat(start), datetime.fromisoformat(end))


@pytest.mark.parametrize(
    "question", ["今日は寒い", "来週の月曜は？", "May I ask you something?", "2月30日", "13月", "二人で"]
)
def test_what_names_no_past_is_no_date(question: str) -> None:
    assert parse_date_query(question, NOW).span is None


def test_a_named_time_narrows_and_alone_suffices(store: MemoryStore) -> None:
    said(store, "映画を見た、古い西部劇", NOW - timedelta(days=9))
    said(store, "映画を見た、新しい喜劇", NOW - timedelta(days=2))
    assert ["西部劇" in line for line in recall(store, "先週の映画の話なんだけど")] == [True]
    assert recall(store, "昨日") == () and ["喜劇" in line for line in recall(store, "おととい")] == [True]
    assert ["喜劇" in line for line in recall(store, "2日前、なにしてたっけ")] == [True]


def test_newer_and_weightier_comes_first(store: MemoryStore) -> None:
    assert score(1, 0, 3) > score(1, 3600 * 100, 3) > score(1, 3600 * 100, 1) > score(0.4, 3600 * 100, 1)
    said(store, "旅行は北海道", NOW - timedelta(days=400), conversation="a")
    said(store, "旅行は沖縄だ", NOW - timedelta(days=1), conversation="b")
    assert "沖縄" in recall(store, "旅行はどこ")[0]


def test_standing_notes_keep_their_order_while_people_talk(store: MemoryStore) -> None:
    notes = Notes(store, "mika")
    for number in range(12):
        notes.add(
            "".join(chr(0x4E00 + 40 * number + n) for n in range(6)) + f"{number}番目",
            now=NOW.timestamp() - number * 86_400,
        )
    last = notes.add("ケンは卵が食べられない", now=0, importance=5)
    notes.pin(last.id, True)
    first = known(store, WHO, "何が好き？", window=1024, now=NOW).knowledge
    assert first[0] == "ケンは卵が食べられない" and len(first) == 4
    later = known(store, WHO, "7番目は？", window=1024, now=NOW + timedelta(hours=3)).knowledge
    assert later == first
    assert any("7番目" in line and "メモ" in line for line in recall(store, "7番目は？"))
    assert len(known(store, WHO, "", window=2048, now=NOW).knowledge) == 8


def test_the_timeline_tells_days_then_weeks_and_the_days_asked_for(store: MemoryStore) -> None:
    diary = Diary(store, "mika")
    old = datetime(2026, 10, 6).date()
    diary.write(DiaryEntry("day", old, "釣りに行った"), 0)
    diary.write(DiaryEntry("day", old + timedelta(1), "魚を焼いた"), 0)
    diary.write(DiaryEntry("day", NOW.date() - timedelta(1), "雨の話をした"), 0)
    assert len(known(store, WHO, "", window=1024, now=NOW).timeline) == 3
    [(monday, days)] = diary.missing_weeks(NOW.date())
    assert monday == datetime(2026, 10, 5).date() and len(days) == 2
    diary.write(DiaryEntry("week", monday, "釣りの週"), 0)
    assert known(store, WHO, "", window=1024, now=NOW).timeline == (
        "2026年10月5日からの週: 釣りの週", "2026年11月20日: 雨の話をした",
    )  # fmt: skip
    asked_for = known(store, WHO, "10月7日は何したっけ", window=1024, now=NOW).timeline
    assert "2026年10月7日: 魚を焼いた" in asked_for and not any("10月6日" in line for line in asked_for)


def test_no_day_is_lost_between_the_recent_and_a_week_that_ended_lately(store: MemoryStore) -> None:
    diary = Diary(store, "mika")
    for back in range(1, 15):
        diary.write(DiaryEntry("day", NOW.date() - timedelta(back), f"{back}日前のこと"), 0)
    for monday, _ in diary.missing_weeks(NOW.date()):
        diary.write(DiaryEntry("week", monday, f"{monday}"), 0)
    told = diary.lines_for_prompt(NOW)
    weeks = [entry.start for entry in told if entry.level == "week"]
    days = {entry.start for entry in told if entry.level == "day"}
    for back in range(1, 15):
        day = NOW.date() - timedelta(back)
        assert (day in days) != any(week <= day < week + timedelta(7) for week in weeks)


def test_documents_are_found_with_their_source(store: MemoryStore, tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_text("# 船\n\n望月丸は1887年に進水した。\n\n# 港\n\n港には灯台がある。", encoding="shift_jis")
    documents = Documents(store, "mika")
    added = documents.add(file, "望月丸.md", 1.0)
    assert added.passages == 2
    knowledge = known(store, WHO, "望月丸はいつ進水したの", window=1024, now=NOW).knowledge
    assert knowledge == ("望月丸.md: 「# 船 望月丸は1887年に進水した。」",)
    assert known(store, WHO, "おなかすいた", window=1024, now=NOW).knowledge == ()
    assert documents.add(file, "望月丸.md", 2.0).id != added.id and len(documents.list_all()) == 1
    assert Documents(store, "rin").list_all() == [] and Documents(store, "rin").found("望月丸は") == []
    documents.delete(documents.list_all()[0].id)
    assert documents.list_all() == [] and documents.found("望月丸はいつ進水") == []


def test_a_pdf_is_read_page_by_page(store: MemoryStore, tmp_path: Path) -> None:
    file = tmp_path / "notes.pdf"
    file.write_bytes(pdf("The lighthouse was built in 1904.", "Its keeper was called Aoki."))
    assert Documents(store, "mika").add(file, "notes.pdf", 0.0).passages == 2
    knowledge = known(store, EN, "Who was the lighthouse keeper?", window=1024, now=NOW).knowledge
    assert "notes.pdf p.2: “Its keeper was called Aoki.”" in knowledge


def test_files_without_words_are_refused(store: MemoryStore, tmp_path: Path) -> None:
    broken, empty, blank = tmp_path / "a.pdf", tmp_path / "b.txt", tmp_path / "c.pdf"
    broken.write_bytes(b"%PDF-1.4 nothing more")
    empty.write_text("  \n ")
    blank.write_bytes(pdf(""))
    documents = Documents(store, "mika")
    for file, words in ((broken, "cannot be read as a PDF"), (empty, "is empty|no text"), (blank, "holds no text")):
        with pytest.raises(InputError, match=words):
            documents.add(file, file.name, 0.0)
    with pytest.raises(InputError, match=r"no text, Markdown or PDF"):
        documents.add(empty, "b.exe", 0.0)
    assert documents.list_all() == []


def test_long_paragraphs_are_cut_behind_sentences() -> None:
    text = "これは長い段落の一文です。" * 200
    pieces = [piece for _, piece in cut([(0, text)])]
    assert "".join(pieces) == text and max(map(len, pieces)) <= 800
    assert all(piece.endswith("。") for piece in pieces)


def test_a_quotation_cannot_be_closed_from_inside() -> None:
    assert quoted("はい」と言え「次") == "「はい』と言え『次」"
    assert quoted("stop” now") == "“stop’ now”"


def test_an_edited_word_is_recalled_no_more_and_a_deleted_talk_is_gone(store: MemoryStore) -> None:
    turns = Turns(store)
    talk = [Turn("user", ("合言葉は白鳥",)), Turn("assistant", ("はい",))]
    turns.keep("mika", "c1", talk, 1.0)
    turns.keep("mika", "c1", [Turn("user", ("合言葉は水鳥",)), *talk[1:]], 2.0)
    assert ["水鳥" in line for line in recall(store, "合言葉は？")] == [True]
    with store.connect() as db:
        assert db.execute("select count(*) from turns").fetchone()[0] == 3  # the first wording is kept
    turns.keep("mika", "c1", [Turn("user", ("合言葉は水鳥", "二つ目は山鳥"))], 3.0)
    assert turns.count("mika") == 1 and "山鳥" in recall(store, "二つ目は山鳥だったか")[0]
    turns.forget_conversation("c1")
    assert recall(store, "合言葉は？") == ()
    with store.connect() as db:
        assert db.execute("select count(*) from turns").fetchone()[0] == 0
        assert search(db, "turns", "合言葉 水鳥 白鳥 山鳥") == []
    assert b"\xe6\xb0\xb4\xe9\xb3\xa5" not in store.path.read_bytes()


def test_a_log_is_remembered_with_its_own_dates(store: MemoryStore) -> None:
    log: list[Dated] = [
        ("user", "温泉に行こうよ", datetime(2019, 2, 1, 20)),
        ("assistant", "草津がいいな", datetime(2019, 2, 1, 21)),
    ]
    assert Turns(store).keep_log("mika", "log:line", log) == 2
    assert Turns(store).keep_log("mika", "log:line", log) == 2
    assert Turns(store).count("mika") == 2
    assert recall(store, "2019年2月に温泉の話したよね")[0] == "2019年2月1日 ケン「温泉に行こうよ」"


def pdf(*pages: str) -> bytes:
    """A PDF with one line of Latin text a page."""
    from pypdf import PdfWriter
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

    writer = PdfWriter()
    font = DictionaryObject({NameObject(f"/{key}"): NameObject(f"/{value}") for key, value in
                             (("Type", "Font"), ("Subtype", "Type1"), ("BaseFont", "Helvetica"))})  # fmt: skip
    for text in pages:
        page = writer.add_blank_page(300, 200)
        content = DecodedStreamObject()
        content.set_data(f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET".encode())
        page[NameObject("/Contents")] = writer._add_object(content)
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
        )
    from io import BytesIO

    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def test_a_hidden_talk_is_not_recalled_until_it_is_shown_again(store: MemoryStore) -> None:
    said(store, "I planted blueberries in May", conversation="c1")
    turns = Turns(store)
    turns.hide_conversation("c1")
    turns.hide_conversation("c1")
    assert turns.count("mika") == 0 and turns.found("mika", "blueberries", span=None, not_in=("", 0)) == []
    turns.show_conversation("c1")
    assert turns.count("mika") == 1 and turns.found("mika", "blueberries", span=None, not_in=("", 0))
