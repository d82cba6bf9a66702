"""What a container's keeper asks: does the server live (`/health`), and can it answer people now (`/ready`)?

Both answer everybody and tell nothing of anybody.
"""

import os

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from tabs.ui.services import Services

PATHS = ("/health", "/ready")


def add_routes(app: FastAPI, services: Services) -> None:
    """Answer beside the page: 200, or 503 with what is missing."""

    @app.get(PATHS[0], include_in_schema=False)
    def health() -> JSONResponse:
        return JSONResponse({"status": "ok"})

    @app.get(PATHS[1], include_in_schema=False)
    def ready() -> JSONResponse:
        lacks = [] if services.models.status.in_use else ["model"]
        if not os.access(services.workspace.home, os.W_OK):
            lacks.append("folder")
        return JSONResponse({"status": "not ready" if lacks else "ok", "lacks": lacks}, 503 if lacks else 200)
