"""The blind test by its own address: a plain page for a phone that shows one question and nothing else of the app.

Whoever has the address may vote, without a login: the code in it cannot be guessed, and what can be seen is what the
owner put into the test. The page needs no script.
"""

import secrets
from dataclasses import dataclass
from html import escape
from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from gradio.routes import App

from core.errors import AppError
from core.evaluate.blind import LONGEST_NAME, REAL, VOTER, BlindTest, BlindTests, BlindVote
from core.limits import Counter
from core.text import Text
from tabs.ui.services import Services
from tabs.ui.text import t
from tabs.ui.visitor import address_of_host, language_wanted

ROUTE = "/blind"
LARGEST = 4_000  # bytes of a form
VOTES_PER_HOUR = 600  # on one test, and from one address
STYLE = Path(__file__).with_suffix(".css")


@dataclass(frozen=True)
class Sitting:
    """Who is voting, and how far they are."""

    voter: str
    name: str
    question: int


def add_route(app: App, services: Services) -> None:
    """Answer `/blind/<code>` for everybody who has the code."""
    tests = BlindTests(services.workspace)
    votes = Counter(Text("votes an hour", "1 時間の回答"), VOTES_PER_HOUR, seconds=3600.0)

    @app.get(ROUTE + "/{code}", include_in_schema=False)
    def opened(code: str, request: Request) -> Response:
        """The first page: what this is, and a name."""
        language = language_wanted(request.headers.get("accept-language"))
        try:
            _, test = tests.find(code)
        except AppError as error:
            return _page(f"<h1>{escape(error.text.in_language(language))}</h1>", language, 404)
        return _page(_welcome(test, language), language)

    @app.post(ROUTE + "/{code}", include_in_schema=False)
    async def answered(code: str, request: Request) -> Response:
        """Keep the vote of the question before, and show the next, or the end."""
        language = language_wanted(request.headers.get("accept-language"))
        if int(request.headers.get("content-length") or LARGEST + 1) > LARGEST:
            return RedirectResponse(f"{ROUTE}/{code}", 303)
        form = {name: str(value) for name, value in (await request.form()).items()}
        try:
            owner, test = tests.find(code)
            sitting = _sitting(form)
            if form.get("choice", "").isdecimal():
                votes.acquire(code, address_of_host(request.client.host if request.client else ""))
                sitting = _vote(tests, owner, test, sitting, int(form["choice"]))
        except AppError as error:
            return _page(f"<h1>{escape(error.text.in_language(language))}</h1>", language, 400)
        if sitting.question < len(test.questions):
            return _page(_question(test, sitting, language), language)
        own = [vote for vote in tests.votes(owner, test) if vote.voter == sitting.voter]
        return _page(_end(test, sum(vote.who == REAL for vote in own), len(own), language), language)


def _sitting(form: dict[str, str]) -> Sitting:
    voter = form.get("voter", "")
    number = form.get("question", "")
    return Sitting(
        voter if VOTER.fullmatch(voter) else secrets.token_hex(8), form.get("name", "").strip()[:LONGEST_NAME],
        int(number) if number.isdecimal() and len(number) < 4 else 0,
    )  # fmt: skip


def _vote(tests: BlindTests, owner: str, test: BlindTest, sitting: Sitting, choice: int) -> Sitting:
    """Keep what was chosen of the options as this voter saw them; the sitting goes on to the next question."""
    if sitting.question < len(test.questions):
        options = test.order(sitting.voter, sitting.question)
        who = options[choice].who if choice < len(options) else ""
        tests.vote(owner, test, BlindVote(sitting.voter, sitting.name, sitting.question, who))
    return Sitting(sitting.voter, sitting.name, sitting.question + 1)


def _page(body: str, language: str, status: int = 200) -> HTMLResponse:
    title = escape(t(language, "blind.title"))
    return HTMLResponse(
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<style>{STYLE.read_text()}</style></head><body><main>{body}</main></body></html>",
        status, {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"},
    )  # fmt: skip


def _welcome(test: BlindTest, language: str) -> str:
    which = t(language, "blind.which", persona=test.persona)
    lines = t(language, "blind.welcome", persona=test.persona, n=len(test.questions))
    return (
        f"<h1>{escape(which)}</h1><p>{escape(lines)}</p>"
        f'<form method="post"><label>{escape(t(language, "blind.name"))}'
        f'<input name="name" maxlength="{LONGEST_NAME}" autocomplete="nickname"></label>'
        f'<button class="go">{escape(t(language, "blind.start"))}</button></form>'
        f'<p class="soft">{escape(t(language, "blind.kept"))}</p>'
    )


def _question(test: BlindTest, sitting: Sitting, language: str) -> str:
    question, of = test.questions[sitting.question], len(test.questions)
    talk = "".join(
        f'<p class="{turn.role}">{escape(text)}</p>' for turn in question.occasion.turns for text in turn.messages
    )
    held = {"voter": sitting.voter, "name": sitting.name, "question": str(sitting.question)}
    hidden = "".join(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in held.items())
    options = "".join(
        f'<button name="choice" value="{n}">{escape(chr(10).join(option.messages))}</button>'
        for n, option in enumerate(test.order(sitting.voter, sitting.question))
    )
    which = t(language, "blind.which", persona=test.persona)
    place = t(language, "blind.place", n=sitting.question + 1, of=of)
    return (
        f'<div class="bar"><i style="width:{100 * sitting.question / of:.0f}%"></i></div>'
        f'<p class="soft">{escape(place)}</p><div class="talk">{talk}</div>'
        f"<h1>{escape(which)}</h1>"
        f'<form method="post">{hidden}{options}</form>'
    )


def _end(test: BlindTest, right: int, of: int, language: str) -> str:
    thanks = t(language, "blind.thanks")
    return (
        f"<h1>{escape(thanks)}</h1>"
        f'<p class="big">{right} / {of}</p><p>{escape(t(language, "blind.right", persona=test.persona))}</p>'
    )
