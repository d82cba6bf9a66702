"""Where LINE sends what was said: `/line/<id of the bot>`."""

from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from core.bots.line import heard_in, is_signed
from core.bots.store import Bots
from core.bots.talker import BotTalker

LARGEST_WEBHOOK = 1_000_000  # bytes


def add_routes(app: FastAPI, bots: Bots, talker: BotTalker, used: Callable[[], object] = lambda: None) -> None:
    """Hear what LINE has signed, and answer it at once; the reply to the person comes later. `used` hears of it."""

    @app.post("/line/{bot_id}", include_in_schema=False)
    async def webhook(request: Request, bot_id: str) -> JSONResponse:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > LARGEST_WEBHOOK:
                return JSONResponse({"error": "too large"}, 413)
        bot = await run_in_threadpool(bots.find, bot_id)
        if bot is None:
            return JSONResponse({"error": "no such bot"}, 404)
        if not is_signed(body, request.headers.get("x-line-signature", ""), bot.secret):
            return JSONResponse({"error": "wrong signature"}, 400)
        try:
            heard = heard_in(body)
        except ValueError:
            return JSONResponse({"error": "not a webhook"}, 400)
        used()
        for one in heard:
            talker.hear(bot, one)
        return JSONResponse({})
