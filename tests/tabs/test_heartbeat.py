"""The heartbeat's route: numbers that change with what is to be drawn, for each owner their own, and no words."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from core.errors import ModelError
from core.memory.notes import Notes
from core.models.loading import ModelStatus
from core.settings import Settings
from tabs.train import run
from tabs.ui import heartbeat, status_bar
from tabs.ui.services import Services, make_services
from tests.helpers.tab_tiny import KEY, OTHER, owner
from tests.helpers.typed import untyped


@pytest.fixture
def services(home: Path) -> Services:
    made = make_services(Settings(home=home))
    made.jobs.close()
    return made


def client(services: Services, logins: dict[str, str] | None = None) -> TestClient:
    app = untyped(FastAPI())  # Gradio's app, of which the heartbeat reads two attributes
    app.tokens, app.cookie_id = logins or {}, "c"
    heartbeat.add_route(app, services, [run.live, status_bar.live])
    return TestClient(app)


def numbers(client: TestClient, key: str = KEY) -> dict[str, str]:
    return client.post(heartbeat.ROUTE, headers={"x-omokage-key": key}).json()["numbers"]


def test_a_change_moves_its_own_number_for_its_owner_alone(services: Services) -> None:
    page = client(services)
    mine, theirs = numbers(page), numbers(page, OTHER)
    assert set(mine) == set(heartbeat.TOPICS) and numbers(page) == mine
    Notes(services.memory.store(owner(services)), "someone").add("合言葉は白鳥", now=1.0)
    after = numbers(page)
    assert {topic for topic in mine if after[topic] != mine[topic]} == {"memory"}
    assert numbers(page, OTHER) == theirs


def test_the_rows_of_a_log_hear_of_a_model_and_of_one_that_failed(services: Services) -> None:
    waiting = numbers(client(services))
    answers = {
        state: numbers(client(replace(services, models=SimpleNamespace(status=status))))
        for state, status in {
            "downloading": ModelStatus("downloading", "a", 0.5),
            "failed": ModelStatus("failed", "a", error=ModelError("gone", "ありません")),
            "ready": ModelStatus("ready", "a", in_use="a"),
        }.items()
    }
    assert answers["downloading"]["rows"] == waiting["rows"] and answers["downloading"]["model"] != waiting["model"]
    assert len({waiting["rows"], answers["failed"]["rows"], answers["ready"]["rows"]}) == 3


def test_the_login_counts_and_not_the_key(services: Services) -> None:
    logged_in, stranger = client(services, {"t": "ann"}), client(services)
    logged_in.cookies.set("access-token-unsecure-c", "t")
    anns = services.owners.resolve_owner(login="ann", token=None, key=None)
    before, outside = numbers(logged_in), numbers(stranger)
    Notes(services.memory.store(anns), "someone").add("合言葉は白鳥", now=1.0)
    assert numbers(logged_in)["memory"] != before["memory"]
    assert numbers(logged_in, OTHER) == numbers(logged_in)
    assert numbers(stranger) == outside
