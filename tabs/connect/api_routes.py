"""The routes of the persona API, beside Gradio's own: `/v1/models` and `/v1/chat/completions`."""

import asyncio
import json
import math
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TypeVar

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from core.errors import AppError
from core.files import parse_json
from core.limits import TooOftenError
from core.serve.chat_request import ApiError, CompletionRequest
from core.serve.completion import PersonaApi, PersonaCompletion, api_error
from core.serve.keys import ApiKey, ApiKeys
from core.serve.model_names import ServedModel
from tabs.ui.visitor import language_wanted
from tabs.ui.web.api_keys import key_of

T = TypeVar("T")
LARGEST_BODY = 4_000_000  # bytes
LOOK_FOR_LEAVING = 0.5  # seconds
TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error",
         500: "server_error", 503: "server_error"}  # fmt: skip


def add_routes(app: FastAPI, api: PersonaApi, keys: ApiKeys, used: Callable[[], object] = lambda: None) -> None:
    """Answer programs that bring one of `keys`; all others get a 401. `used` hears of each that asks for a reply."""

    @app.get("/v1/models", include_in_schema=False)
    async def models(request: Request) -> Response:
        def listed() -> dict:
            key = _key(request, keys)
            return {"object": "list", "data": [_card(key, one) for one in api.models(key, _language(request))]}

        return await _answer(request, lambda: JSONResponse(listed()))

    @app.get("/v1/models/{name:path}", include_in_schema=False)
    async def model(request: Request, name: str) -> Response:
        def found() -> dict:
            key = _key(request, keys)
            return _card(key, api.model(key, name, _language(request)))

        return await _answer(request, lambda: JSONResponse(found()))

    @app.post("/v1/chat/completions", include_in_schema=False)
    async def completions(request: Request) -> Response:
        try:
            key = _key(request, keys)
            asked = CompletionRequest.read(await _body(request))
            used()
        except AppError as error:
            return error_response(error, request)
        stop = threading.Event()

        def begin() -> Response:
            completion = api.complete(key, asked, stop)
            if not asked.stream:
                return JSONResponse(completion.whole())
            return StreamingResponse(_events(completion, asked, stop, request), media_type="text/event-stream",
                                     headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})  # fmt: skip

        return await _while_there(request, stop, lambda: _answer(request, begin))


def error_response(error: AppError, request: Request) -> JSONResponse:
    """An error in OpenAI's form, its sentence in the caller's language."""
    found = api_error(error)
    answer = JSONResponse({"error": _error(found, request)}, found.status)
    if isinstance(error, TooOftenError):
        answer.headers["Retry-After"] = str(math.ceil(error.seconds))
    if found.status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _error(error: ApiError, request: Request) -> dict[str, str | None]:
    kind = TYPES.get(error.status, "invalid_request_error")
    said = error.text.in_language(_language(request))
    return {"message": said, "type": kind, "param": error.param, "code": error.code}


def _key(request: Request, keys: ApiKeys) -> ApiKey:
    """Raises ApiError where the request brings none that works."""
    key = key_of(request.scope)
    if key is None:
        raise ApiError(
            "This needs an API key that works: Authorization: Bearer omk-… Make one in the app under Connect.",
            "有効な API キーが必要です（Authorization: Bearer omk-…）。アプリの「つなぐ」で作れます。",
            status=401, code="invalid_api_key",
        )  # fmt: skip
    keys.used(key)
    return key


def _card(key: ApiKey, model: ServedModel) -> dict[str, object]:
    """`name` is what Open WebUI and others show in place of the id."""
    return {"id": model.name, "object": "model", "created": int(key.created), "owned_by": "omokage",
            "name": model.title if not model.adapter else model.name}  # fmt: skip


async def _body(request: Request) -> object:
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > LARGEST_BODY:
            raise ApiError(f"The request is larger than {LARGEST_BODY // 1_000_000} MB.",
                           f"リクエストが {LARGEST_BODY // 1_000_000} MB を超えています。", status=413)  # fmt: skip
    try:
        return parse_json(data)
    except ValueError as error:
        raise ApiError(f"The body is not JSON ({str(error)[:100]}).",
                       f"本文が JSON ではありません（{str(error)[:100]}）。") from error  # fmt: skip


async def _answer(request: Request, make: Callable[[], Response]) -> Response:
    """What `make`, run in a thread, gives; or its error."""
    try:
        return await run_in_threadpool(make)
    except AppError as error:
        return error_response(error, request)


async def _while_there(request: Request, stop: threading.Event, make: Callable[[], Awaitable[Response]]) -> Response:
    """What `make` gives; who hangs up before sets `stop`, so that nobody's model writes for no one."""
    work = asyncio.ensure_future(make())
    while not (await asyncio.wait({work}, timeout=LOOK_FOR_LEAVING))[0]:
        if await request.is_disconnected():
            stop.set()
    return work.result()


async def _events(
    completion: PersonaCompletion, asked: CompletionRequest, stop: threading.Event, request: Request
) -> AsyncIterator[str]:
    """The chunks as server-sent events. An error on the way is an event, too: the status is sent already."""
    chunks = completion.chunks(asked.include_usage)
    try:
        while (chunk := await run_in_threadpool(_next, chunks)) is not None:
            yield f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n"
        yield "data: [DONE]\n\n"
    except AppError as error:
        yield f"data: {json.dumps({'error': _error(api_error(error), request)}, ensure_ascii=False)}\n\n"
    finally:
        stop.set()


def _next(values: Iterator[T]) -> T | None:
    return next(values, None)


def _language(request: Request) -> str:
    return language_wanted(request.headers.get("accept-language"))
