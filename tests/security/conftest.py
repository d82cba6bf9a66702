"""The whole app as requests meet it, without a process of its own and without a model in memory."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import app
from core.settings import Settings
from tabs.connect import api_routes, line_routes
from tabs.ui import heartbeat
from tabs.ui.services import Services, make_services
from tabs.ui.theme import theme
from tabs.ui.web import health
from tabs.ui.web.hosts import HostNames
from tabs.ui.web.login import login_check
from tests.helpers.typed import untyped

ROOT = Path(__file__).resolve().parents[2]
LOCAL = "http://127.0.0.1:7860"
Serve = Callable[..., TestClient]


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """`serve(LOCAL, public=True, …)`: a new client of the app with these settings; the app is made once for each."""
    from gradio.routes import App

    made: dict[str, tuple[App, Services]] = {}

    def start(base_url: str = LOCAL, *, public: bool = False, **settings: object) -> TestClient:
        key = f"{public} {settings}"
        if key not in made:
            told = replace(Settings(home=tmp_path_factory.mktemp("served")), **settings)
            services = make_services(told, public=public)
            page = app.build_app(services)
            page.max_file_size, page.theme, page.theme_css = None, theme(), ""  # launch() sets them
            page.auth_message = None
            names = HostNames.of_server(told.allowed_hosts, loopback=not public)
            served = App.create_app(page, app_kwargs={"middleware": app.protections(services, names)}, strict_cors=True)
            untyped(served).auth = login_check(told.auth) if told.auth else None
            heartbeat.add_route(served, services)
            api_routes.add_routes(served, services.persona_api, services.api_keys)
            line_routes.add_routes(served, services.bots, services.bot_talker)
            health.add_routes(served, services)
            made[key] = served, services
        return TestClient(made[key][0], base_url=base_url)

    yield start
    for _, services in made.values():
        services.jobs.close()
