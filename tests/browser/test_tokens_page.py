"""The Tokens tab answers its questions on a real log and on a play, with the bundled tokenizer."""

import csv
import gzip
import io
import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from core.catalogue.bundled import FOLDER
from core.data.sessions import talking_order
from core.logs.detect import read_log
from core.messages import Kind
from core.models.tokenizers.check import load_tokenizer
from core.tokens.counting import count_texts
from tests.helpers.missing import missing
from tests.helpers.served import Server, Visit, open_tab
from tests.real.conftest import folder_of

DATA, TOKENS = "データ|Data", "トークン|Tokens"
DIALOGUES = 8
pytestmark = pytest.mark.timeout(900)


def persona_chat(shared: Path, folder: Path) -> Path:
    """A slice of RealPersonaChat as an export of LINE, a dialogue a day."""
    source = shared / "corpora" / "real_persona_chat" / "dialogues.jsonl.gz"
    if not source.is_file():
        missing(f"no dialogues at {source}")
    lines = ["[LINE] B とのトーク履歴", "保存日時：2023/09/01 21:14", ""]
    with gzip.open(source, "rt", encoding="utf-8") as file:
        for number in range(DIALOGUES):
            day = date(2023, 1, 1) + timedelta(days=number)
            lines.append(f"{day:%Y/%m/%d}({'月火水木金土日'[day.weekday()]})")
            for turn in json.loads(next(file))["turns"]:
                lines.append(f"{turn['time'][11:16]}\t{turn['speaker']}\t{' '.join(turn['text'].split())}")
            lines.append("")
    path = folder / "[LINE] B.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def plato(shared: Path, folder: Path) -> Path:
    """Two conversations of a dialogue of Plato, cut short."""
    source = shared / "corpora" / "plato" / "Ion.txt"
    if not source.is_file():
        missing(f"no dialogue at {source}")
    text = source.read_text(encoding="utf-8-sig")
    path = folder / "Ion.txt"
    path.write_text(text[text.index("SOCRATES: ") :][:16_000], encoding="utf-8")
    return path


def open_log(page: Page, file: Path) -> None:
    open_tab(page, DATA)
    page.locator("#data-file input[type=file]").set_input_files(file)
    expect(page.locator("#data-row .said").first).to_be_visible()
    open_tab(page, TOKENS)
    page.locator("#tokens-source label").nth(1).click()
    expect(page.locator("#tokens-shown .tokens span").first).to_be_visible()
    expect(page.locator("#tokens-text")).to_have_count(0)


def unfold(page: Page, name: str) -> None:
    page.locator(f"#{name} > button").click()
    expect(page.locator(f"#{name} > button")).to_have_class(re.compile("open"))


def at_rest(shown: Locator) -> None:
    """What was asked for is there, and nothing moves any more."""
    expect(shown.locator(".bar.moving")).to_have_count(0)
    expect(shown.locator("[role=alert]")).to_have_count(0)


def saved_table(page: Page, shown: Locator) -> list[list[str]]:
    with page.expect_download() as download:
        shown.locator("[data-save]").first.click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))


@pytest.mark.slow
@pytest.mark.parametrize(("make", "language"), [(persona_chat, "ja"), (plato, "en")], ids=["persona chat", "plato"])
def test_every_question_is_answered(
    server: Server, visit: Visit, shared: Path, tmp_path: Path, make: Callable[[Path, Path], Path], language: str
) -> None:
    walk(visit(server, language), make(shared, tmp_path), FOLDER)


@pytest.mark.real
@pytest.mark.parametrize(
    ("key", "make", "language"), [("gemma3", persona_chat, "ja"), ("smollm2", plato, "en")], ids=["gemma", "smollm2"]
)
def test_every_question_is_answered_with_a_real_model(
    visit: Visit, shared: Path, tmp_path: Path, key: str, make: Callable[[Path, Path], Path], language: str
) -> None:
    folder = folder_of(key)
    server = Server(tmp_path / "home", {"OMOKAGE_MODEL": str(folder)}).start()
    try:
        walk(visit(server, language), make(shared, tmp_path), folder)
    finally:
        server.close()


def walk(page: Page, file: Path, model: Path) -> None:
    """Every section of the tab on a log, with the model of that folder loaded."""
    log = read_log(file)
    said = [log.messages[at] for at in talking_order(log.messages)]
    texts = [message.text for message in said if message.kind is Kind.TEXT and message.text.strip()]
    counts = count_texts(texts, load_tokenizer(model))
    open_log(page, file)
    density(page, texts, sum(counts))
    surprise(page)
    train(page)
    compare(page, model.name)
    batch(page)
    study(page)


def density(page: Page, texts: list[str], tokens: int) -> None:
    """The figures are those of counting every message, and the window lies over the log."""
    unfold(page, "tokens-density-fold")
    page.locator("#tokens-density").click()
    shown = page.locator("#tokens-measured")
    expect(shown.locator(".big")).to_have_text(re.compile(r"\d+ (通|messages)"))
    at_rest(shown)
    expect(shown.locator(".ledger td").nth(1)).to_have_text(f"{tokens:,}")
    expect(shown.locator(".ledger td").nth(3)).to_have_text(f"{len(texts):,}")
    for picture in shown.locator("svg").all():
        assert re.search(r"\d", picture.get_attribute("aria-label") or "")
    assert len(saved_table(page, shown)) >= 2
    ruler = page.locator("#tokens-ruler")
    expect(ruler.locator(".bar.ruler")).to_have_attribute("aria-label", re.compile(f"{len(texts):,}"))
    page.locator("#tokens-last input[type=number]").fill("3")
    page.locator("#tokens-last input[type=number]").blur()
    expect(ruler.locator(".bar.ruler")).to_have_attribute("aria-label", re.compile("1 通めから 3 通め|1 to 3 fit"))


def surprise(page: Page) -> None:
    unfold(page, "tokens-bits-fold")
    page.locator("#tokens-bits").click()
    shown = page.locator("#tokens-surprise")
    expect(shown.locator(".tokens .bits-4").first).to_be_visible()
    expect(shown.locator(".ranks")).to_have_count(2)
    at_rest(shown)


def train(page: Page) -> None:
    unfold(page, "tokens-train-fold")
    expect(page.locator("#tokens-kind-picture [role=img]")).to_be_visible()
    page.locator("#tokens-train-name input, #tokens-train-name textarea").first.fill("mine")
    page.locator("#tokens-train").click()
    shown = page.locator("#tokens-trained")
    expect(shown.locator(".replacing")).to_be_visible()
    at_rest(shown)
    assert len(saved_table(page, shown)) >= 3  # heads, some sizes, the loaded model


def compare(page: Page, model: str) -> None:
    """The trained tokenizer stands beside the model's own and the bundled one, and what cannot be had says so."""
    unfold(page, "tokens-compare-fold")
    wanted = page.locator("#tokens-wanted")
    expect(wanted).to_contain_text("omokage-mini")
    expect(wanted).to_contain_text("mine")
    field = wanted.locator("input")
    field.fill("/no/such/folder")
    field.press("Enter")
    expect(wanted).to_contain_text("/no/such/folder")
    page.locator("#tokens-compare").click()
    shown = page.locator("#tokens-compared")
    expect(shown.locator(".aligned").first).to_be_visible()
    expect(shown.locator(".refused")).to_contain_text("/no/such/folder")
    expect(shown.locator(".bar.moving")).to_have_count(0)
    rows = {line[0]: line for line in saved_table(page, shown)[1:]}
    assert set(rows) == {"omokage-mini", "mine", model} and all(int(line[2]) > 100 for line in rows.values())


def batch(page: Page) -> None:
    open_tab(page, DATA)
    page.locator("#data-learn").click()
    expect(page.locator("#train-start")).to_be_enabled()
    open_tab(page, TOKENS)
    expect(page.locator("#tokens-row .learned").first).to_be_visible()
    unfold(page, "tokens-batch-fold")
    page.locator("#tokens-batch").click()
    shown = page.locator("#tokens-batch-shown")
    expect(shown.locator("svg.batch rect.cell-loss").first).to_be_visible()
    expect(shown.locator(".figures-table")).to_have_count(2)
    at_rest(shown)


def study(page: Page) -> None:
    unfold(page, "tokens-study-fold")
    page.locator("#tokens-study-size input").fill("400")
    page.locator("#tokens-study-length input").fill("12")
    page.locator("#tokens-study").click()
    shown = page.locator("#tokens-studied")
    expect(shown.locator(".studied .summary").first).to_be_visible(timeout=240_000)
    expect(shown.locator(".sample")).to_be_visible(timeout=240_000)
    at_rest(shown)
    expect(shown).to_contain_text("%")


def test_special_strings_are_named_and_a_long_work_can_be_stopped(server: Server, visit: Visit) -> None:
    page = visit(server)
    open_tab(page, TOKENS)
    page.locator("#tokens-text textarea").fill("やあ <|end|> です")
    unfold(page, "tokens-special-fold")
    page.locator("#tokens-special").click()
    shown = page.locator("#tokens-special-shown")
    expect(shown.locator("tbody th")).to_have_text("<|end|>")
    page.locator("#tokens-text textarea").fill("今日はとてもいい天気ですね。散歩に行きましょう。" * 100)
    unfold(page, "tokens-study-fold")
    expect(page.locator("#tokens-study-stop")).to_be_hidden()
    page.locator("#tokens-study-size input").fill("64")
    page.locator("#tokens-study-length input").fill("200")
    page.locator("#tokens-study").click()
    expect(page.locator("#tokens-study-stop")).to_be_visible()
    page.locator("#tokens-study-stop").dispatch_event("click")  # it need not stay for a mouse to come there
    expect(page.locator("#tokens-study-stop")).to_be_hidden()
    expect(page.locator("#tokens-studied")).to_be_empty()
