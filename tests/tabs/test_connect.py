"""The Connect tab: keys are shown once and to their owner alone, and each place says how it is."""

from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest

from core.serve.keys import KEY_TEXT
from core.settings import Settings
from tabs.connect.bots import BotHandlers, is_reached
from tabs.connect.keys import ALL, KeyHandlers
from tabs.connect.share import ShareHandlers
from tabs.connect.space import SpaceHandlers
from tabs.ui.services import Services, make_services
from tests.helpers.tab_tiny import KEY, OTHER, owner, visit

ORIGIN = "https://example.test"


@pytest.fixture
def services(home: Path) -> Services:
    made = make_services(Settings(home=home))
    made.jobs.close()
    return made


def make(services: Services, name: str = "My script", *, model: str | None = ALL, per_minute: float | None = 30,
         days: float = 0, memory: bool = False, key: str = KEY) -> tuple:  # fmt: skip
    return KeyHandlers(services).make(key, name, model, per_minute, days, memory, ORIGIN, visit("en"))


def test_a_key_is_shown_once(services: Services) -> None:
    new, text, example, name, listed, below, _ = make(services, model="socrates", days=7, memory=True)
    assert new.visible and KEY_TEXT.fullmatch(text) and name == ""
    assert f"{ORIGIN}/v1/chat/completions" in example and "&quot;socrates&quot;" in example and text not in example
    (line, key_id) = listed.choices[0]
    assert line.startswith("My script\nsocrates only · 30 replies a minute · may use the memory · until 2")
    assert line.endswith("never used") and text not in f"{listed.choices} {below}"
    found = services.api_keys.find(text)
    assert found and (found.id, found.owner, found.model, found.memory) == (key_id, owner(services), "socrates", True)
    _, again, _, _ = KeyHandlers(services).fill(KEY, visit("ja"))
    assert text not in f"{again.choices}" and again.choices[0][1] == key_id


def test_keys_are_their_owner_s(services: Services) -> None:
    text = make(services)[1]
    handlers, found = KeyHandlers(services), services.api_keys.find(text)
    assert found
    assert handlers.fill(OTHER, visit())[1].choices == []
    handlers.revoke(OTHER, found.id, visit())
    assert services.api_keys.find(text)
    listed, below, button = handlers.revoke(KEY, found.id, visit("en"))
    assert services.api_keys.find(text) is None and listed.choices == [] and "No keys yet" in below
    assert not button.visible


@pytest.mark.parametrize("wrong", [{"name": ""}, {"per_minute": 0.5}, {"per_minute": None}, {"days": 1e6}])
def test_what_is_wrong_is_said_and_no_key_made(services: Services, wrong: dict) -> None:
    with pytest.raises(gr.Error):
        make(services, **wrong)
    with pytest.raises(gr.Error, match="Reload"):
        make(services, key="")
    assert services.api_keys.list_all(owner(services)) == []


def test_a_page_s_address_cannot_bring_html(services: Services) -> None:
    shown = KeyHandlers(services).make(KEY, "x", ALL, 30, 0, False, '"><img src=x>', visit("en"))[2]
    assert "<img" not in shown


def test_each_place_says_how_it_is(services: Services) -> None:
    share, *_ = ShareHandlers(services).look(KEY, visit("en"))
    assert "Not open" in share and "--share --auth" in share
    assert "Not on a Space" in SpaceHandlers(services).look(KEY, visit("en"))
    services.share.address = "https://0123.gradio.live"
    open_ = replace(services, settings=replace(services.settings, auth=("a:b",), on_space=True, ephemeral=True))
    share, *_ = ShareHandlers(open_).look(KEY, visit("en"))
    space = SpaceHandlers(open_).look(KEY, visit("en"))
    assert "https://0123.gradio.live/v1" in share and "1 with a name and a password" in share
    assert "gone when it restarts" in space
    kept = replace(open_, settings=replace(open_.settings, ephemeral=False, auth=()))
    share, *_ = ShareHandlers(kept).look(KEY, visit("en"))
    space = SpaceHandlers(kept).look(KEY, visit("en"))
    assert "whoever knows the link" in share and "stays" in space


def connect(services: Services, *, model: str = "socrates", secret: str = "0" * 32, origin: str = ORIGIN) -> tuple:
    return BotHandlers(services).make(KEY, model, secret, "t" * 172, True, False, origin, visit("en"))


def test_a_bot_is_connected_and_its_address_shown(services: Services) -> None:
    handlers = BotHandlers(services)
    choices, listed, below, end = handlers.fill(KEY, visit("en"))
    assert "No bot is connected" in below and listed.choices == [] and not end.visible
    assert choices.value in [value for _, value in choices.choices]
    secret, token, listed, below, end = connect(services)
    (bot,) = services.bots.list_all(owner(services))
    assert (secret, token) == ("", "") and listed.value == bot.id and end.visible
    assert f"{ORIGIN}/line/{bot.id}" in below and "cannot reach" not in below
    assert bot.secret not in f"{listed.choices} {below}" and bot.token not in f"{listed.choices} {below}"
    assert handlers.fill(OTHER, visit())[1].choices == []
    handlers.end(OTHER, bot.id, visit())
    assert services.bots.find(bot.id) == bot
    below, _ = handlers.pick(KEY, bot.id, "http://127.0.0.1:7860", visit("en"))
    assert "cannot reach" in below
    services.share.address = "https://0123.gradio.live"
    below, _ = handlers.pick(KEY, bot.id, "http://127.0.0.1:7860", visit("en"))
    assert f"https://0123.gradio.live/line/{bot.id}" in below and "cannot reach" not in below
    listed, below, end = handlers.end(KEY, bot.id, visit("en"))
    assert services.bots.find(bot.id) is None and "No bot is connected" in below and not end.visible


@pytest.mark.parametrize("wrong", [{"model": "nobody"}, {"secret": "x"}])
def test_what_is_no_bot_is_said(services: Services, wrong: dict) -> None:
    with pytest.raises(gr.Error):
        connect(services, **wrong)
    assert services.bots.list_all(owner(services)) == []


@pytest.mark.parametrize("origin", ["http://example.test", "https://127.0.0.1:7860", "https://attic.local", "", "x"])
def test_where_line_does_not_reach(origin: str) -> None:
    assert not is_reached(origin) and is_reached("https://me-omokage.hf.space")
