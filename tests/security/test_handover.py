"""A key goes to another device by a code that is good once, for a while, and cannot be guessed; never unasked."""

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

from core import attempts, handover
from core.attempts import WrongAttempts
from core.errors import NotAllowedError
from core.handover import LENGTH, LETTERS, SECONDS, WRONG_BY_ALL, WRONG_BY_ONE, HandoverCodes
from core.owners import new_key
from core.settings import Settings
from tabs.ui.carry import CarryHandlers
from tabs.ui.services import make_services
from tabs.ui.visitor import address_of_host

HERE = "192.0.2.1"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    for module in (attempts, handover):
        monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def handlers(home: Path) -> CarryHandlers:
    services = make_services(Settings(home=home))
    services.jobs.close()
    return CarryHandlers(services)


def visit(address: str = HERE, username: str | None = None) -> gr.Request:
    client = SimpleNamespace(host=address)
    return gr.Request(headers={"accept-language": "en"}, username=username, client=client)


def test_a_code_is_good_once(clock: list[float]) -> None:
    codes, key = HandoverCodes(), new_key()
    code = codes.issue(key)
    assert re.fullmatch(f"[{LETTERS}]{{4}}-[{LETTERS}]{{4}}", code) and len(LETTERS) ** LENGTH > 2**39
    assert key not in repr(codes) and code not in repr(codes)
    assert codes.redeem(f" {code.lower().replace('-', ' ')} ", HERE) == key
    with pytest.raises(NotAllowedError, match="good once"):
        codes.redeem(code, HERE)


def test_a_code_expires_and_a_new_one_ends_the_old(clock: list[float]) -> None:
    codes, key = HandoverCodes(), new_key()
    first, second = codes.issue(key), codes.issue(key)
    with pytest.raises(NotAllowedError):
        codes.redeem(first, HERE)
    clock[0] += SECONDS + 1
    with pytest.raises(NotAllowedError):
        codes.redeem(second, HERE)


@pytest.mark.parametrize(("most", "address"), [(WRONG_BY_ONE, lambda n: HERE), (WRONG_BY_ALL, lambda n: f"a{n}")])
def test_guessing_ends_soon(clock: list[float], most: int, address: Callable[[int], str]) -> None:
    """By one address, and by all together where each tries little."""
    codes = HandoverCodes()
    code = codes.issue(new_key())
    for n in range(most):
        with pytest.raises(NotAllowedError, match="no code"):
            codes.redeem(f"guess {n}", address(n))
    with pytest.raises(NotAllowedError, match="Too many"):
        codes.redeem(code, address(0))
    clock[0] += SECONDS
    with pytest.raises(NotAllowedError, match="good once"):
        codes.redeem(code, address(0))


def test_wrong_attempts_are_forgotten_in_time_and_in_number(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = WrongAttempts(2, 60)
    for _ in range(2):
        wrong.add("one")
    assert (wrong.count("one"), wrong.wait("one"), wrong.wait("other")) == (2, 60.0, 0.0)
    clock[0] += 60
    assert (wrong.count("one"), wrong.wait("one")) == (0, 0.0)
    monkeypatch.setattr(attempts, "REMEMBERED", 5)
    for n in range(20):
        wrong.add(str(n))
    assert len(wrong._made) == 5 and wrong.count("19") == 1 and wrong.count("0") == 0


@pytest.mark.parametrize(
    ("given", "counted"),
    [("192.0.2.1", "192.0.2.1"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("fe80::1%eth0", "fe80::/64"), ("", ""),
     ("127.0.0.1", ""), ("::1", ""), ("testclient", "")],
)  # fmt: skip
def test_an_address_as_it_is_counted(given: str, counted: str) -> None:
    assert address_of_host(given) == counted


def test_nothing_is_taken_before_the_answer(handlers: CarryHandlers) -> None:
    mine, theirs = new_key(), new_key()
    code = handlers.show(theirs, visit())
    pending, left, question, typed = handlers.ask(mine, code, visit())
    assert pending == theirs and question.visible and typed == "" and "nothing of its own" in left
    nothing, closed = handlers.decline(mine, visit())
    assert nothing == "" and not closed.visible
    key, before, pending = handlers.accept(mine, theirs, [], visit())
    assert (key, before, pending) == (theirs, [mine], "")
    assert handlers.way_back(theirs, before, visit()).visible
    assert handlers.back(theirs, before, visit()) == (mine, [theirs])


def test_every_key_that_was_held_can_be_had_again(handlers: CarryHandlers) -> None:
    held, before = new_key(), []
    all_of_them = {held}
    for _ in range(3):
        taken = new_key()
        held, before, _ = handlers.accept(held, taken, before, visit())
        all_of_them.add(taken)
    seen = {held}
    for _ in range(3):
        held, before = handlers.back(held, before, visit())
        seen.add(held)
    assert seen == all_of_them


def test_what_is_left_behind_is_told(handlers: CarryHandlers) -> None:
    mine, services = new_key(), handlers.services
    owner = services.visitor(mine, visit(), None).owner
    (services.workspace.place(owner, "datasets", "diary")).mkdir(parents=True)
    asked = handlers.ask(mine, handlers.show(new_key(), visit()), visit())
    assert "1 datasets" in asked[1] and "0 talks" in asked[1] and "device of yours" in asked[1]


@pytest.mark.parametrize("forged", ["", "short", None, "../" * 12])
def test_a_forged_answer_takes_nothing(handlers: CarryHandlers, forged: str | None) -> None:
    with pytest.raises(gr.Error):
        handlers.accept(new_key(), forged, [], visit())
    with pytest.raises(gr.Error):
        handlers.back(new_key(), [forged, 3], visit())


def test_who_has_signed_in_needs_no_code(handlers: CarryHandlers) -> None:
    with pytest.raises(gr.Error, match="signed in"):
        handlers.show(new_key(), visit(username="ann"))
    with pytest.raises(gr.Error, match="signed in"):
        handlers.ask(new_key(), handlers.show(new_key(), visit()), visit(username="ann"))
