"""The whole way in a real browser: from a log on the disk to talking with what was trained, and to the Hub."""

import json
import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.helpers.fake_hub import WRITER, FakeHub
from tests.helpers.served import Server, Visit, open_tab, wait_until_ready

# A training of the sample takes a minute on two quiet cores, beside a browser two and more.
pytestmark = pytest.mark.timeout(600)
DONE = re.compile("おわりました|Finished|Done")
ROOT = Path(__file__).resolve().parents[2]


def open_sample(page: Page) -> None:
    open_tab(page, "記録")
    page.locator("#data-sample").click()
    expect(page.locator("#data-ledger")).to_contain_text("行方不明")


def upload(page: Page, file: Path | dict) -> None:
    """Give a file to the page, whether it still invites one or has another log open."""
    open_tab(page, "記録|Data")
    expect(page.locator("#data-start, #data-desk").locator("visible=true")).to_have_count(1)
    if page.locator("#data-start").is_visible():
        page.locator("#data-file input[type=file]").set_input_files(file)
        return
    with page.expect_file_chooser() as chooser:
        page.locator("#data-another").click()
    chooser.value.set_files(file)


def expect_none_missing(page: Page) -> None:
    """The ledger holds every message: its last figure is 0."""
    row = page.locator("#data-ledger tr.total", has_text=re.compile("行方不明|missing", re.I)).first
    expect(row.locator("td").last).to_have_text("0")


def start_training(page: Page) -> None:
    """Save the rows on the page as a data set, and train on it with what is recommended."""
    page.locator("#data-learn").click()
    expect(page.locator("#train-start")).to_be_enabled()
    page.locator("#train-start").click()


def test_from_the_sample_to_a_trained_persona_in_six_clicks(server: Server, visit: Visit) -> None:
    page = visit(server)
    open_tab(page, "記録")  # 1
    page.locator("#data-sample").click()  # 2
    expect(page.locator("#data-about")).to_contain_text("LINE")
    expect(page.locator("#data-row .said.learned").first).to_be_visible()
    expect_none_missing(page)
    page.locator("#data-learn").click()  # 3
    expect(page.locator("#train-start")).to_be_enabled()
    page.locator("#train-start").click()  # 4
    expect(page.locator("#strip")).to_contain_text(re.compile("学習中|順番待ち"))
    expect(page.locator("#train-picture")).to_contain_text(DONE, timeout=300_000)
    expect(page.locator("#train-picture")).to_contain_text("良くなりました")
    page.locator("#train-talk").click()  # 5
    expect(page.locator("#persona input")).to_have_value(re.compile("葵.*学習した人格"))
    expect(page.locator("#adapter input")).not_to_have_value(re.compile("なし"))
    expect(page.locator("#strip")).to_contain_text("＋")
    page.locator("#talk-box textarea").fill("おはよう")
    page.locator("#talk-box textarea").press("Enter")  # 6
    expect(page.locator("#chat .message.bot").first).to_be_visible()
    expect(page.locator("#talk-stop")).to_be_hidden()

    open_tab(page, "トークン")
    expect(page.locator("#tokens-row .learned").first).to_be_visible()


def test_a_whatsapp_log_is_read_and_every_message_is_accounted_for(server: Server, visit: Visit, shared: Path) -> None:
    page = visit(server, language="en")
    upload(page, shared / "samples" / "whatsapp" / "selfie_alice-whatsapp.txt")
    expect(page.locator("#data-about")).to_contain_text("WhatsApp")
    expect(page.locator("#data-persona")).to_contain_text("Alice Johnson")
    expect(page.locator("#data-persona")).to_contain_text("Bob Smith")
    expect_none_missing(page)
    page.get_by_label(re.compile("Bob Smith")).check()
    expect(page.locator("#data-row .said.learned").first).to_be_visible()


def test_uploads_leave_the_cache(server: Server, visit: Visit, shared: Path) -> None:
    page = visit(server)
    upload(page, shared / "samples" / "line" / "linelog2py_example.txt")
    expect(page.locator("#data-about")).to_contain_text("LINE")
    cached = [path for path in (server.home / "cache").rglob("*.txt") if path.stat().st_size]
    assert not cached


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.txt", b"", "ファイルが空です|empty.txt"),
        ("picture.txt", bytes(range(256)) * 64, "テキストファイルではありません"),
        ("alone.txt", "楓: ひとり\n楓: ごと\n楓: です\n".encode(), "楓.*だけ"),
    ],
    ids=["empty", "binary", "one speaker"],
)
def test_bad_files_are_refused_in_words_and_lose_nothing(
    server: Server, visit: Visit, name: str, content: bytes, says: str
) -> None:
    page = visit(server)
    open_sample(page)
    upload(page, {"name": name, "mimeType": "text/plain", "buffer": content})
    expect(page.get_by_text(re.compile(says)).first).to_be_visible()
    if name != "alone.txt":  # that one is opened, so that its names can be corrected
        expect(page.locator("#data-about")).to_contain_text("sample_line_aoi.txt")


def test_two_visitors_cannot_see_each_others_log(server: Server, visit: Visit) -> None:
    one, other = visit(server), visit(server)
    open_sample(one)
    one.locator("#data-save").click()
    expect(one.locator("#data-saved-card")).to_be_visible()
    open_tab(other, "記録")
    other.reload()
    wait_until_ready(other)
    open_tab(other, "記録")
    expect(other.locator("#data-start")).to_be_visible()
    expect(other.locator("#data-saved-card")).to_be_hidden()
    expect(other.locator("#data-desk")).to_be_hidden()
    assert "葵" not in other.locator("body").inner_text()
    open_tab(other, "学ぶ")
    expect(other.locator("#train-dataset input")).to_have_value("")


def test_a_reload_in_the_middle_of_training_shows_it_again(server: Server, visit: Visit) -> None:
    page = visit(server)
    open_sample(page)
    start_training(page)
    expect(page.locator("#train-picture")).to_contain_text(re.compile(r"手順 [1-9]"), timeout=90_000)
    page.reload()
    wait_until_ready(page)
    expect(page.locator("#strip")).to_contain_text(re.compile("学習中"))
    open_tab(page, "学ぶ")
    expect(page.locator("#train-picture svg")).to_be_visible()
    page.locator("#train-stop").click()
    expect(page.locator("#train-resume")).to_be_visible(timeout=60_000)
    expect(page.locator("#train-talk")).to_be_visible()  # what it learned so far can be used
    page.locator("#train-resume").click()
    expect(page.locator("#train-picture")).to_contain_text(DONE, timeout=300_000)


def set_to(page: Page, name: str, value: str) -> None:
    """Change a setting of the training, and leave its field as a person would."""
    field = page.locator(f"#set-{name} input")
    field.fill(value)
    field.press("Tab")


def test_changed_stopped_resumed_measured_and_pushed(chromium: Path, visit: Visit, tmp_path: Path) -> None:
    """A run with settings of one's own: stopped, taken up again, better on what it never saw, and sent to the Hub."""
    with FakeHub() as hub:
        environment = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}
        server = Server(tmp_path / "home", environment).start()
        try:
            page = visit(server)
            open_sample(page)
            page.locator("#data-learn").click()
            expect(page.locator("#train-start")).to_be_enabled()
            page.locator("#train-details > button").first.click()
            set_to(page, "rank", "4")
            set_to(page, "learning_rate", "0.003")
            expect(page.locator("#train-advice")).to_contain_text("rank")
            page.locator("#train-start").click()
            expect(page.locator("#train-picture")).to_contain_text(re.compile(r"手順 [1-9]"), timeout=90_000)
            page.locator("#train-stop").click()
            expect(page.locator("#train-resume")).to_be_visible(timeout=60_000)
            page.locator("#train-resume").click()
            expect(page.locator("#train-picture")).to_contain_text(DONE, timeout=300_000)
            expect(page.locator("#train-picture")).to_contain_text("良くなりました")  # on the validation rows
            expect(page.locator("#train-replies .said.learned").first).to_be_visible()
            push_adapter(page)
            repo = hub.repos["model", "alice/aoi-lora"]
            assert repo.private
            assert {"adapter_config.json", "adapter_model.safetensors", "prompt_config.json", "README.md"} <= set(
                repo.files
            )
            assert json.loads(repo.files["prompt_config.json"])["persona"] == "葵"
            training = json.loads(repo.files["training.json"])
            assert (training["config"]["rank"], training["config"]["learning_rate"]) == (4, 0.003)
            assert training["metrics"]["validation_bpb_after"] < training["metrics"]["validation_bpb_before"]
            expect(page.locator("#publish-adapter-token input")).to_have_value("")
            assert WRITER not in server.log()
        finally:
            server.close()


def push_adapter(page: Page) -> None:
    page.locator("#publish-adapter > button").first.click()
    page.locator("#publish-adapter-repo input, #publish-adapter-repo textarea").first.fill("aoi-lora")
    page.locator("#publish-adapter-token input").fill(WRITER)
    page.locator("#publish-adapter-show").click()
    expect(page.locator("#publish-adapter-card")).to_contain_text("omokage-mini")
    page.locator("#publish-adapter-send").click()
    expect(page.locator("#publish-adapter-state a")).to_be_visible()


@pytest.mark.slow
def test_a_killed_server_and_a_killed_worker_lose_nothing(chromium: Path, visit: Visit, tmp_path: Path) -> None:
    server = Server(tmp_path / "home").start()
    try:
        page = visit(server)
        open_sample(page)
        start_training(page)
        expect(page.locator("#train-picture")).to_contain_text(re.compile(r"手順 [1-9]"), timeout=90_000)
        server.kill()
        page.goto("about:blank")  # an open page reloads itself when its server is back, and two reloads would race
        for worker in server.workers():
            worker.kill()
        time.sleep(1)
        server.start()
        page.goto(server.url)
        wait_until_ready(page)
        open_tab(page, "学ぶ")
        expect(page.locator("#train-picture")).to_contain_text(DONE, timeout=180_000)
        expect(page.locator("#train-talk")).to_be_visible()
    finally:
        server.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_socrates_is_learned_from_plato(server: Server, visit: Visit, shared: Path) -> None:
    page = visit(server, language="en")
    upload(page, shared / "corpora" / "plato" / "Crito.txt")
    expect(page.locator("#data-persona")).to_contain_text("SOCRATES")
    page.get_by_label(re.compile("SOCRATES")).check()
    expect_none_missing(page)
    page.locator("#data-learn").click()
    expect(page.locator("#train-start")).to_be_enabled()
    page.locator("#train-start").click()
    expect(page.locator("#train-picture")).to_contain_text(DONE, timeout=500_000)
    expect(page.locator("#train-picture .verdict.good")).to_be_visible()
