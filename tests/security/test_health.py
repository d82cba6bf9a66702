"""`/health` and `/ready`: open to whoever keeps a container, and empty of anybody's things."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from core.models.loading import ModelStore
from core.models.status import ModelStatus
from core.settings import ROOT, Settings
from tabs.ui.services import make_services
from tabs.ui.web import health
from tests.security.conftest import Serve


def test_they_answer_without_a_login_under_a_pod_s_address(serve: Serve) -> None:
    client = serve("http://10.1.2.3:7860", public=True, auth=("me:a-long-password",))
    assert client.get("/health").json() == {"status": "ok"}
    answer = client.get("/ready")
    assert answer.status_code == 503 and answer.json() == {"status": "not ready", "lacks": ["model"]}
    assert client.post("/health").status_code == 405


def test_ready_is_a_model_and_a_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    services, served = make_services(Settings(home=home)), FastAPI()
    services.jobs.close()
    health.add_routes(served, services)
    monkeypatch.setattr(ModelStore, "status", property(lambda store: ModelStatus("ready", "m", in_use="m")))
    assert TestClient(served).get("/ready").status_code == 200
    monkeypatch.setattr(health.os, "access", lambda path, mode: False)
    assert TestClient(served).get("/ready").json()["lacks"] == ["folder"]
    assert "/health" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
