"""What the machine costs, and when the app ends by itself: never while something is under way."""

import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from core.costs import MachineCosts, machine_began
from core.errors import InputError
from core.idle import COUNTDOWN, IdleShutdown
from core.models.status import ModelStatus
from core.settings import ROOT, Settings
from core.train.queue.jobs import Jobs
from tabs.ui import heartbeat
from tabs.ui import services as module
from tabs.ui.services import Services, is_busy, make_services
from tabs.ui.status_bar import StatusBarHandlers, cost_text
from tests.helpers.tab_tiny import KEY, visit
from tests.helpers.typed import untyped

HOUR = 3600.0


@pytest.fixture
def services(home: Path) -> Iterator[Services]:
    made = make_services(Settings(home=home, price_per_hour=0.5, cost_warning=100, idle_minutes=30))
    yield made
    made.close()


def test_costs_follow_from_the_price() -> None:
    costs = MachineCosts(0.5, "$", 10, began=0.0)
    assert costs.so_far(3 * HOUR) == 1.5 and costs.a_month == 365 and costs.so_far(-1) == 0
    assert not costs.is_over(19 * HOUR) and costs.is_over(20 * HOUR) and not replace(costs, warn_at=0).is_over(1e9)
    assert 0 < machine_began() <= time.time()


def test_the_strip_says_them_where_a_price_is_known(services: Services, home: Path) -> None:
    services.costs = MachineCosts(0.5, "¥", 0, began=machine_began())
    chip = StatusBarHandlers(services).refresh(KEY, "", [], visit("en"))[4]
    assert chip.visible and "¥" in chip.value and "¥365.00 a month" in chip.value
    services.costs = MachineCosts(0.5, "¥", 0.001, began=0.0)
    chip = StatusBarHandlers(services).refresh(KEY, "", [], visit("ja"))[4]
    assert "目安の ¥0.00 を超えました" in chip.value and "now" in chip.elem_classes
    assert cost_text(MachineCosts(), "en") == ""


def test_the_settings_are_read_and_checked() -> None:
    env = {"OMOKAGE_PRICE_PER_HOUR": "0.35", "OMOKAGE_CURRENCY": "EUR", "OMOKAGE_COST_WARNING": "50",
           "OMOKAGE_IDLE_MINUTES": "60"}  # fmt: skip
    read = Settings.from_env(env)
    assert (read.price_per_hour, read.currency, read.cost_warning, read.idle_minutes) == (0.35, "EUR", 50.0, 60)
    assert Settings.from_env({}).idle_minutes == 0
    for wrong in ("cheap", "-1", "nan", "inf"):
        with pytest.raises(InputError, match="PRICE"):
            Settings.from_env({"OMOKAGE_PRICE_PER_HOUR": wrong})


def idle(*, busy: bool = False, seconds: float = 1800.0) -> tuple[IdleShutdown, SimpleNamespace]:
    world = SimpleNamespace(now=0.0, busy=busy, ended=0)

    def end() -> None:
        world.ended += 1

    return IdleShutdown(seconds, lambda: world.busy, end, clock=lambda: world.now), world


def test_it_ends_once_nobody_was_there_for_so_long() -> None:
    shutdown, world = idle()
    world.now = 1800.0 - COUNTDOWN - 1
    assert shutdown.seconds_left() is None and not shutdown.look()
    world.now += 2
    assert shutdown.seconds_left() == COUNTDOWN - 1 and not shutdown.look()
    shutdown.touch()
    assert shutdown.seconds_left() is None
    world.now += 1800.0
    assert shutdown.seconds_left() == 0.0 and shutdown.look() and world.ended == 1


def test_what_is_under_way_is_never_cut_and_the_time_begins_after_it() -> None:
    shutdown, world = idle(busy=True)
    for _ in range(3):
        world.now += 10_000.0
        assert not shutdown.look() and world.ended == 0
    world.busy = False
    assert not shutdown.look()
    world.now += 1800.0
    assert shutdown.look()
    never, world = idle(seconds=0)
    world.now = 1e9
    assert never.seconds_left() is None and not never.look()


def test_a_training_a_loading_model_and_a_waiting_bot_are_under_way(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = SimpleNamespace(status=ModelStatus("ready", "m", in_use="m"))
    assert not is_busy(replace(services, models=ready))
    assert is_busy(replace(services, models=SimpleNamespace(status=ModelStatus("loading", "m"))))
    assert is_busy(replace(services, models=ready, bot_talker=SimpleNamespace(is_idle=False)))
    monkeypatch.setattr(Jobs, "any_under_way", lambda jobs: True)
    assert is_busy(replace(services, models=ready))


def test_the_end_leaves_word_for_who_started_the_app(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    monkeypatch.setattr(module.os, "kill", lambda pid, how: killed.append(how))
    home.mkdir()
    module.end_unused(home)
    assert killed == [signal.SIGTERM] and (home / module.ENDED_UNUSED).exists()
    assert f"workspace/{module.ENDED_UNUSED} " in (ROOT / "deploy" / "omokage.service").read_text(encoding="utf-8")


def test_a_page_that_lies_open_is_no_use_and_is_told(services: Services) -> None:
    world = SimpleNamespace(now=0.0)
    services.idle = IdleShutdown(1800.0, lambda: False, lambda: None, clock=lambda: world.now)
    app = untyped(FastAPI())
    app.tokens, app.cookie_id = {}, "c"
    heartbeat.add_route(app, services)
    page, asks = TestClient(app), {"x-omokage-key": KEY}
    world.now = 1700.0
    said = page.post(heartbeat.ROUTE, headers=asks | {"accept-language": "en"}).json()["html"]["#ending"]
    assert "the app ends in 2 min" in said and "Click anywhere" in said
    assert page.post(heartbeat.ROUTE, headers=asks | {"x-omokage-used": "1"}).json()["html"] == {"#ending": ""}
    assert services.idle.seconds_left() is None
