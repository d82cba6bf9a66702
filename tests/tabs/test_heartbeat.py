"""The heartbeat's route: numbers that change with what is to be drawn, for each owner their own, and no words."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from core.memory.notes import Notes
from core.settings import Settings
from tabs.ui import heartbeat
from tabs.ui.services import Services, make_services
from tests.helpers.tab_tiny import KEY, OTHER, owner


@pytest.fixture
def services(home: Path) -> Services:
    made = make_services(Settings(home=home))
    made.jobs.close()
    return made


def client(services: Services, logins: dict[str, str] | None = None) -> TestClient:
    app = FastAPI()
    app.tokens, app.cookie_id = logins or {}, "c"
    heartbeat.add_route(app, services)
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


def test_the_login_counts_and_not_the_key(services: Services) -> None:
    logged_in, stranger = client(services, {"t": "ann"}), client(services)
    logged_in.cookies.set("access-token-unsecure-c", "t")
    anns = services.owners.resolve_owner(login="ann", token=None, key=None)
    before, outside = numbers(logged_in), numbers(stranger)
    Notes(services.memory.store(anns), "someone").add("合言葉は白鳥", now=1.0)
    assert numbers(logged_in)["memory"] != before["memory"]
    assert numbers(logged_in, OTHER) == numbers(logged_in)
    assert numbers(stranger) == outside
