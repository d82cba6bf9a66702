"""The whole way in a real browser: from a log on the disk to talking with what was trained."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.helpers.served import Server, Visit, open_tab, wait_until_ready
from tests.helpers.training_page import DONE, FIRST_STEPS, expect_none_missing, open_sample, start_training, upload

# A training of the sample takes a minute on two quiet cores, beside a browser two and more.
pytestmark = pytest.mark.timeout(600)


def test_from_the_sample_to_a_trained_persona_in_six_clicks(server: Server, visit: Visit) -> None:
    page = visit(server)
    open_tab(page, "データ")  # 1
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
    expect(page.locator("#persona [aria-pressed=true]")).to_contain_text(re.compile("葵.*学習した人格"))
    expect(page.locator("#adapter input")).not_to_have_value(re.compile("なし"))
    expect(page.locator("#strip")).to_contain_text("＋")
    page.locator("#talk-box textarea").fill("おはよう")
    page.locator("#talk-box textarea").press("Enter")  # 6
    expect(page.locator("#chat .message.bot").first).to_be_visible()
    expect(page.locator("#talk-stop")).to_be_hidden()

    open_tab(page, "トークン")
    expect(page.locator("#tokens-row .learned").first).to_be_visible()


@pytest.mark.slow
def test_a_killed_server_and_a_killed_worker_lose_nothing(chromium: Path, visit: Visit, tmp_path: Path) -> None:
    server = Server(tmp_path / "home").start()
    try:
        page = visit(server)
        open_sample(page)
        start_training(page)
        expect(page.locator("#train-picture")).to_contain_text(FIRST_STEPS, timeout=90_000)
        server.kill()
        page.goto("about:blank")  # an open page reloads itself when its server is back, and two reloads would race
        for worker in server.workers():
            worker.kill()
            worker.wait()
        server.start()
        page.goto(server.url)
        wait_until_ready(page)
        open_tab(page, "学習")
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
