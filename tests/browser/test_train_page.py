"""The Train tab in a browser: a run that is reloaded, stopped, resumed and sent to the Hub."""

import json
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.helpers.fake_hub import WRITER, FakeHub
from tests.helpers.served import Server, Visit, open_tab, wait_until_ready
from tests.helpers.training_page import DONE, FIRST_STEPS, open_sample, start_training

pytestmark = pytest.mark.timeout(600)  # two trainings, beside a browser that keeps a core busy


def test_a_reload_in_the_middle_of_training_shows_it_again(server: Server, visit: Visit) -> None:
    page = visit(server)
    open_sample(page)
    start_training(page)
    expect(page.locator("#train-picture")).to_contain_text(FIRST_STEPS, timeout=90_000)
    page.reload()
    wait_until_ready(page)
    expect(page.locator("#strip")).to_contain_text(re.compile("学習中"))
    open_tab(page, "学習")
    expect(page.locator("#train-picture svg")).to_be_visible()
    page.locator("#train-stop").click()
    expect(page.locator("#train-resume")).to_be_visible(timeout=60_000)
    expect(page.locator("#train-talk")).to_be_visible()  # what it learned so far can be used


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
            expect(page.locator("#train-picture")).to_contain_text(FIRST_STEPS, timeout=90_000)
            page.locator("#train-stop").click()
            expect(page.locator("#train-resume")).to_be_visible(timeout=60_000)
            page.locator("#train-resume").click()
            expect(page.locator("#train-picture")).to_contain_text(DONE, timeout=300_000)
            expect(page.locator("#train-picture")).to_contain_text("良くなりました")  # on the validation rows
            expect(page.locator("#train-replies .said.learned").first).to_be_visible()
            with page.expect_download() as download:
                page.locator("#train-download").click()
            with zipfile.ZipFile(download.value.path()) as archive:
                assert archive.testzip() is None and any(name.endswith(".safetensors") for name in archive.namelist())
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
    repo = page.locator("#publish-adapter-repo input, #publish-adapter-repo textarea").first
    expect(repo).not_to_have_value("")  # the suggested name comes a moment after the fold, and would take the place
    repo.fill("aoi-lora")
    page.locator("#publish-adapter-token input").fill(WRITER)
    page.locator("#publish-adapter-show").click()
    expect(page.locator("#publish-adapter-card")).to_contain_text("omokage-mini")
    expect(repo).to_have_value("alice/aoi-lora")
    expect(page.locator("#publish-adapter-send")).to_be_disabled()  # until what it lets out was seen
    page.locator("#leaks-go").click()
    expect(page.locator("#leaks-report")).to_contain_text("書き出しを")
    page.locator("#leaks-seen").click()
    expect(page.locator("#publish-adapter-send")).to_be_enabled()
    page.locator("#publish-adapter-send").click()
    expect(page.locator("#publish-adapter-state a")).to_be_visible()
