"""Whose turn it is at the model: everybody's in turn, one work at a time."""

import threading

import pytest

from core.models.thread import ModelThread


def test_those_who_wait_are_served_in_turn() -> None:
    thread, gate, served = ModelThread(), threading.Event(), []
    first = thread.run(gate.wait, 10, whose="ann")
    asked = ("ann", "ann", "ann", "bo", "bo", "cy", "ann")
    works = [thread.run(served.append, f"{whose}{n}", whose=whose) for n, whose in enumerate(asked)]
    gate.set()
    for work in (first, *works):
        work.result(10)
    assert served == ["ann0", "bo3", "cy5", "ann1", "bo4", "ann2", "ann6"]


def test_who_comes_while_another_waits_is_not_served_twice() -> None:
    thread, gates, served = ModelThread(), [threading.Event(), threading.Event()], []

    def answer(name: str, gate: threading.Event | None = None) -> None:
        served.append(name)
        if gate:
            gate.wait(10)

    running = thread.run(answer, "ann", gates[0], whose="ann")
    bo = thread.run(answer, "bo", gates[1], whose="bo")
    gates[0].set()
    running.result(10)
    thread.run(answer, "cy", whose="cy")
    again = thread.run(answer, "ann again", whose="ann")
    gates[1].set()
    bo.result(10)
    again.result(10)
    assert served == ["ann", "bo", "cy", "ann again"]


def test_errors_reach_who_asked_and_a_cancelled_work_never_runs() -> None:
    thread, gate, served = ModelThread(), threading.Event(), []
    thread.run(gate.wait, 10)
    wrong = thread.run(int, "x", whose="ann")
    taken_back = thread.run(served.append, "never", whose="bo")
    last = thread.run(served.append, "last", whose="bo")
    assert taken_back.cancel()
    gate.set()
    with pytest.raises(ValueError, match="invalid literal"):
        wrong.result(10)
    last.result(10)
    assert served == ["last"]
