"""The queue without its trainer: who may do what, who comes next, and what a lost process leads to.

A stand-in process takes the place of the one that trains: it sleeps, or does what a test tells it.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from core.errors import InputError, JobError, NotAllowedError
from core.files import read_json
from core.prompt import PromptConfig
from core.train.config.train_config import TrainConfig
from core.train.events import (
    Done,
    Failed,
    Launched,
    Notice,
    Saved,
    Started,
    Step,
    Stopped,
    ValidationLoss,
    append,
    read,
)
from core.train.queue import dispatch, runs
from core.train.queue import process as process_module
from core.train.queue.dispatch import TRIES
from core.train.queue.jobs import Job, Jobs
from core.train.queue.process import Process
from core.train.spec import JobSpec, RunFolder
from core.workspace import Workspace

TICK = 0.05
SLEEPER = "import time; time.sleep(60)"
STARTED = Started(0, 10, rows=4, validation_rows=2, loss_tokens=9, parameters=99, trainable=9, device="cpu",
                  precision="fp32", loss_bytes=27)  # fmt: skip


def step(number: int, loss: float = 1.0) -> Step:
    return Step(number, 10, number / 5, loss, 1e-3, 100 * number, 50.0, 10.0 - number)


@pytest.fixture
def spec(tmp_path: Path) -> JobSpec:
    dataset = tmp_path / "talks"
    dataset.mkdir()
    (dataset / "train.jsonl").write_text("{}\n")
    return JobSpec("base", dataset, PromptConfig("Mika"), TrainConfig(), "mika")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "home")


@pytest.fixture
def sleepers(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, list[Process]]]:
    """Processes that sleep, by the run they were started for."""
    started: dict[str, list[Process]] = {}

    def launch(folder: RunFolder, device: str) -> Process:
        child = subprocess.Popen([sys.executable, "-c", SLEEPER])
        process_module._children[child.pid] = child
        process = Process(child.pid, psutil.Process(child.pid).create_time())
        started.setdefault(folder.path.name, []).append(process)
        return process

    monkeypatch.setattr(dispatch, "launch", launch)
    yield started
    for process in [process for processes in started.values() for process in processes]:
        process.kill()


@pytest.fixture
def still(workspace: Workspace) -> Jobs:
    """A server that starts nothing by itself."""
    return Jobs(workspace, start=False)


@pytest.fixture
def server(workspace: Workspace, sleepers: dict) -> Iterator[Jobs]:
    jobs = Jobs(workspace, grace=0.5, devices=lambda: ("cpu",), tick=TICK)
    yield jobs
    jobs.close()


def until(true: Callable[[], object], seconds: float = 15) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def state(jobs: Jobs, job: Job) -> str:
    return jobs.progress(job.owner, job.id).state


def ahead(jobs: Jobs, owner: str, job_id: str) -> int | None:
    """Runs before this one; None when it does not wait."""
    progress = jobs.progress(owner, job_id)
    return progress.ahead if progress.state == "queued" else None


def test_a_run_belongs_to_its_owner_alone(still: Jobs, spec: JobSpec) -> None:
    job = still.submit("key-a", spec)
    assert [found.id for found in still.list_all("key-a")] == [job.id] and still.list_all("key-b") == []
    sentences = set()
    for wrong in (job.id, "20260101T000000-0123456789abcdef", "../" + job.id, "", "."):
        for act in (still.get, still.progress, still.stop, still.resume, still.delete):
            with pytest.raises(NotAllowedError) as caught:
                act("key-b", wrong)
            sentences.add((caught.value.en, caught.value.ja))
    assert len(sentences) == 1  # nobody learns from it what exists
    assert still.get("key-a", job.id) == job and state(still, job) == "queued"


def test_what_was_submitted_is_on_disk(still: Jobs, workspace: Workspace, spec: JobSpec) -> None:
    job = still.submit("key-a", spec)
    assert Jobs(workspace, start=False).get("key-a", job.id).spec == spec
    assert job.name == "mika" and job.adapter is None
    (spec.dataset / "train.jsonl").write_text("something else\n")
    assert (job.folder.dataset / "train.jsonl").read_text() == "{}\n"  # the rows of now, for a resume later


def test_a_data_set_that_is_not_there_is_refused(still: Jobs, spec: JobSpec) -> None:
    (spec.dataset / "train.jsonl").unlink()
    with pytest.raises(InputError, match=r"no train\.jsonl"):
        still.submit("key-a", spec)
    assert still.list_all("key-a") == []


def test_a_full_disk_loses_neither_the_queue_nor_a_process(
    server: Jobs, spec: JobSpec, sleepers: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, full = runs.write_json, threading.Event()

    def write(path: Path, value: dict) -> None:
        if full.is_set():
            raise InputError("The disk is full", "満杯")
        real(path, value)

    monkeypatch.setattr(runs, "write_json", write)
    waiting = server.submit("key-a", spec)
    until(lambda: state(server, waiting) == "running")
    full.set()
    with pytest.raises(InputError):
        server.submit("key-a", spec)
    assert [job.id for job in server.list_all("key-a")] == [waiting.id]
    assert (
        len(list((server.get("key-a", waiting.id).folder.path.parent).glob("2*"))) == 1
    )  # nothing is left of the one that was refused
    full.clear()
    second = server.submit("key-a", spec)
    full.set()
    append(waiting.folder.events, Done({}))
    sleepers[waiting.id][0].kill()
    until(lambda: sleepers.get(second.id))
    until(lambda: not sleepers[second.id][0].alive())  # its number could not be written down
    full.clear()
    until(lambda: state(server, second) == "running")


def test_the_queue_is_first_come_first_served_over_all_owners(still: Jobs, spec: JobSpec) -> None:
    jobs = [still.submit(owner, spec) for owner in ("key-a", "key-b", "key-a")]
    assert [ahead(still, job.owner, job.id) for job in jobs] == [0, 1, 2]
    still.stop("key-b", jobs[1].id)
    assert [ahead(still, job.owner, job.id) for job in jobs] == [0, None, 1]
    assert state(still, jobs[1]) == "stopped"
    still.resume("key-b", jobs[1].id)
    assert [ahead(still, job.owner, job.id) for job in jobs] == [0, 2, 1]
    assert still.progress("key-a", jobs[2].id).ahead == 1


def test_one_run_at_a_time(server: Jobs, spec: JobSpec, sleepers: dict) -> None:
    one, two = server.submit("key-a", spec), server.submit("key-b", spec)
    until(lambda: state(server, one) == "running")
    server.look()
    assert state(server, two) == "queued" and ahead(server, "key-b", two.id) == 1
    append(one.folder.events, Done({"steps": 10}))
    assert state(server, one) == "done"
    sleepers[one.id][0].kill()
    until(lambda: state(server, two) == "running")
    assert len(sleepers[one.id]) == len(sleepers[two.id]) == 1


def test_a_computer_with_two_gpus_runs_two(workspace: Workspace, spec: JobSpec, sleepers: dict) -> None:
    server = Jobs(workspace, devices=lambda: ("0", "GPU-b"), tick=TICK)
    try:
        jobs = [server.submit("key-a", spec) for _ in range(4)]
        until(lambda: len(sleepers) == 2)
        server.look()
        assert [state(server, job) for job in jobs] == ["running", "running", "queued", "queued"]
        assert [ahead(server, "key-a", job.id) for job in jobs[2:]] == [1, 2]
        sleepers[jobs[1].id][0].kill()
        append(jobs[1].folder.events, Done({}))
        until(lambda: state(server, jobs[2]) == "running")
        assert [read_json(job.folder.meta)["device"] for job in jobs] == ["0", "GPU-b", "GPU-b", None]
    finally:
        server.close()


def test_an_owner_reorders_among_the_own_places_alone(still: Jobs, spec: JobSpec) -> None:
    one, theirs, two, three = (still.submit(owner, spec) for owner in ("key-a", "key-b", "key-a", "key-a"))

    def order() -> list[str | None]:
        return [job and job.id for job in still.queue("key-a")]

    assert order() == [one.id, None, two.id, three.id]
    still.move("key-a", two.id, "up")
    assert order() == [two.id, None, one.id, three.id]
    still.move("key-a", two.id, "up")  # is the first already
    still.move("key-a", three.id, "down")
    assert order() == [two.id, None, one.id, three.id]
    still.move("key-a", two.id, "down")
    still.move("key-a", two.id, "down")
    assert order() == [one.id, None, three.id, two.id]
    assert ahead(still, "key-b", theirs.id) == 1 and [job.id for job in still.queue("key-b") if job] == [theirs.id]
    with pytest.raises(NotAllowedError):
        still.move("key-b", two.id, "up")
    still.stop("key-a", three.id)
    with pytest.raises(JobError, match="does not wait"):
        still.move("key-a", three.id, "up")


def test_two_servers_on_one_home_start_a_run_once(
    server: Jobs, workspace: Workspace, spec: JobSpec, sleepers: dict
) -> None:
    other = Jobs(workspace, devices=lambda: ("cpu",), tick=TICK)
    try:
        jobs = [other.submit("key-a", spec) for _ in range(2)]
        until(lambda: "running" in (state(server, jobs[0]), state(server, jobs[1])))
        server.look()
        assert sum(map(len, sleepers.values())) == 1
        server.close()
        sleepers[jobs[0].id][0].kill()
        append(jobs[0].folder.events, Done({}))
        until(lambda: state(other, jobs[1]) == "running")  # the other server took over
    finally:
        other.close()


def test_a_run_that_does_not_stop_is_killed(server: Jobs, spec: JobSpec, sleepers: dict) -> None:
    job = server.submit("key-a", spec)
    until(lambda: state(server, job) == "running")
    server.stop("key-a", job.id)
    assert state(server, job) in ("stopping", "stopped") and job.folder.stop.exists()
    until(lambda: not sleepers[job.id][0].alive())
    server.look()
    assert state(server, job) == "stopped" and len(sleepers[job.id]) == 1  # and is not started again


def test_a_lost_run_goes_on_by_itself_three_times(server: Jobs, spec: JobSpec, sleepers: dict) -> None:
    job = server.submit("key-a", spec)
    for start in range(1, TRIES + 2):
        until(lambda start=start: len(sleepers.get(job.id, [])) == start)
        until(lambda: state(server, job) == "running")
        sleepers[job.id][-1].kill()
    until(lambda: state(server, job) == "killed")
    server.look()
    assert state(server, job) == "killed" and len(sleepers[job.id]) == TRIES + 1
    events = read(job.folder.events)[0]
    assert [event.tries for event in events if isinstance(event, Launched)] == [0, 1, 2, 3]
    assert any(isinstance(event, Notice) and "goes on by itself" in event.en for event in events)
    server.resume("key-a", job.id)
    until(lambda: state(server, job) == "running")


def test_a_lost_run_that_moved_on_gets_new_tries(server: Jobs, spec: JobSpec, sleepers: dict) -> None:
    job = server.submit("key-a", spec)
    for start in range(1, TRIES + 4):
        until(lambda start=start: len(sleepers.get(job.id, [])) == start)
        until(lambda: state(server, job) == "running")
        append(job.folder.events, Saved(start))
        sleepers[job.id][-1].kill()
    until(lambda: len(sleepers[job.id]) == TRIES + 4)


def test_a_restarted_server_finds_the_run_that_goes_on(workspace: Workspace, spec: JobSpec, sleepers: dict) -> None:
    first = Jobs(workspace, devices=lambda: ("cpu",), tick=TICK)
    job = first.submit("key-a", spec)
    until(lambda: state(first, job) == "running")
    first.close()
    second = Jobs(workspace, devices=lambda: ("cpu",), tick=TICK)
    try:
        second.look()
        assert state(second, job) == "running" and len(sleepers[job.id]) == 1
    finally:
        second.close()


def test_a_process_number_that_somebody_else_got_is_not_the_run(still: Jobs, spec: JobSpec) -> None:
    job = still.submit("key-a", spec)
    meta = read_json(job.folder.meta) | {"queued": None, "pid": psutil.Process().pid, "pid_created": 1.0}
    job.folder.meta.write_text(json.dumps(meta))
    assert state(still, job) == "killed"


@pytest.mark.parametrize(
    ("ending", "expected"), [(Done({}), "done"), (Stopped(3), "stopped"), (Failed("e", "j"), "failed")]
)
def test_endings(still: Jobs, spec: JobSpec, ending: Done | Stopped | Failed, expected: str) -> None:
    job = still.submit("key-a", spec)
    job.folder.meta.write_text(json.dumps(read_json(job.folder.meta) | {"queued": None}))
    for event in (Launched(0), STARTED, step(3), ending):
        append(job.folder.events, event)
    progress = still.progress("key-a", job.id)
    assert progress.state == expected
    assert progress.error == (("e", "j") if expected == "failed" else None)
    if expected == "done":
        with pytest.raises(JobError):
            still.resume("key-a", job.id)
    else:
        still.resume("key-a", job.id)
        assert state(still, job) == "queued"


def test_a_finished_run_can_be_deleted_and_a_running_one_cannot(server: Jobs, spec: JobSpec, sleepers: dict) -> None:
    job = server.submit("key-a", spec)
    until(lambda: state(server, job) == "running")
    with pytest.raises(JobError):
        server.delete("key-a", job.id)
    server.stop("key-a", job.id)
    until(lambda: not sleepers[job.id][0].alive())
    server.delete("key-a", job.id)
    assert server.list_all("key-a") == [] and not job.folder.path.exists()


def test_progress_follows_the_log_and_steps_run_again_replace_themselves(still: Jobs, spec: JobSpec) -> None:
    job = still.submit("key-a", spec)
    log = job.folder.events
    for event in (
        Launched(0),
        STARTED,
        ValidationLoss(0, 2.0, 1.5),
        step(1, 3.0),
        step(2, 2.5),
        step(3, 2.4),
        Notice("n", "ノ"),
    ):
        append(log, event)
    seen = still.progress("key-a", job.id)
    assert (seen.step, seen.steps, seen.fraction) == (3, 10, 0.3)
    assert seen.losses == ((1, 3.0), (2, 2.5), (3, 2.4)) and seen.validation == ((0, 1.5, 2.0),)
    for event in (Launched(1), STARTED, step(2, 2.2), Notice("n", "ノ")):
        append(log, event)
    seen = still.progress("key-a", job.id)
    assert seen.step == 2 and seen.losses == ((1, 3.0), (2, 2.2), (3, 2.4)) and seen.notes == (("n", "ノ"),)
    assert still.progress("key-a", job.id) is seen  # nothing new: nothing made anew


def test_a_half_line_is_waited_for_and_a_torn_one_is_skipped(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    append(log, Saved(1))
    with log.open("a") as file:
        file.write('{"event": "saved", "st')
    events, offset = read(log)
    assert events == [Saved(1)]
    append(log, Saved(3))  # the writer that was cut is gone; the next begins a line of its own
    assert read(log, offset)[0] == [Saved(3)]
    assert read(tmp_path / "absent")[0] == []
