"""The persona API over real HTTP, behind the app's own guards, with a tiny model in memory."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from starlette.middleware import Middleware

from core.settings import Settings
from tabs.connect import api_routes
from tabs.ui.services import Services, make_services
from tabs.ui.web.api_keys import KeyDoor
from tabs.ui.web.hosts import HostGuard, HostNames

ME, OTHER = "login-me", "login-other"


def services_with(base: Path, home: Path) -> Services:
    """Services over `home` whose model `base` is loaded."""
    made = make_services(Settings(home=home, model=str(base)))
    made.jobs.close()
    made.models.start()
    assert made.models.wait(60).state == "ready"
    return made


def app_of(services: Services) -> FastAPI:
    """What stands before the routes in the app, and the routes."""
    names = HostNames.of_server((), loopback=True)
    guards = [Middleware(KeyDoor, find=services.api_keys.find), Middleware(HostGuard, names=names)]
    app = FastAPI(middleware=guards, openapi_url=None)
    api_routes.add_routes(app, services.persona_api, services.api_keys)
    return app


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The address of `app`, answered by a server of its own as long as the block runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
