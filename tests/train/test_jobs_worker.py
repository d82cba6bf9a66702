"""The queue with the real training process: stopped, killed, orphaned, and never lost.

Each start of the process costs the import of torch, some seconds; the heavier ones are marked slow.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from core.files import read_json
from core.settings import ROOT
from core.train.events import Started, read
from core.train.queue.jobs import Job, Jobs
from core.train.queue.progress import Progress
from core.train.spec import JobSpec
from core.workspace import Workspace
from tests.helpers.train_tiny import CONFIG, PROMPT_CONFIG, run_folder, talks, tiny_base, write_dataset
from tests.helpers.typed import present

OWNER = "key-a"
LONG = replace(CONFIG, epochs=400, save_every=20, eval_every=200)  # 2,400 steps: longer than any test waits


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> JobSpec:
    home = tmp_path_factory.mktemp("jobs")
    dataset = write_dataset(home / "talks", talks(24), talks(4))
    return JobSpec(str(tiny_base(home / "base")), dataset, PROMPT_CONFIG, CONFIG, "mika")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "home")


@pytest.fixture(autouse=True)
def nothing_left_running(workspace: Workspace) -> Iterator[None]:
    """End the training processes of this test's home, whatever became of the test."""
    yield
    for process in psutil.process_iter(["cmdline"]):
        if any(str(workspace.home) in part for part in process.info["cmdline"] or ()):
            process.kill()


@pytest.fixture
def jobs(workspace: Workspace) -> Iterator[Jobs]:
    server = Jobs(workspace, tick=0.05)
    yield server
    server.close()


def wait_for(jobs: Jobs, job: Job, wanted: Callable[[Progress], bool], seconds: float = 90) -> Progress:
    end = time.monotonic() + seconds
    while not wanted(progress := jobs.progress(OWNER, job.id)):
        assert progress.state != "failed", progress.error
        assert time.monotonic() < end, (progress, job.folder.log.read_text()[-2000:])
        time.sleep(0.05)
    return progress


def pid(job: Job) -> int:
    return read_json(job.folder.meta)["pid"]


def test_a_stopped_run_keeps_its_adapter_and_the_next_one_trains_to_its_end(jobs: Jobs, spec: JobSpec) -> None:
    long, short = jobs.submit(OWNER, replace(spec, config=LONG)), jobs.submit(OWNER, spec)
    wait_for(jobs, long, lambda progress: progress.step >= 3)
    assert jobs.progress(OWNER, short.id).state == "queued"
    jobs.stop(OWNER, long.id)
    stopped = wait_for(jobs, long, lambda progress: progress.state == "stopped")
    assert 3 <= stopped.step < 2400 and stopped.tokens_per_second is None
    assert read_json(present(long.adapter) / "training.json")["metrics"]["steps"] == stopped.step
    done = wait_for(jobs, short, lambda progress: progress.state == "done")
    assert done.fraction == 1 and len(done.losses) == 12 and len(done.validation) == 5
    metrics = present(done.metrics)
    assert metrics["validation_bpb_after"] < metrics["validation_bpb_before"]
    assert "adapter_model.safetensors" in {path.name for path in present(short.adapter).iterdir()}


def test_a_killed_process_is_started_again_and_the_run_ends(jobs: Jobs, spec: JobSpec) -> None:
    config = replace(CONFIG, epochs=20, save_every=5, eval_every=50)
    job = jobs.submit(OWNER, replace(spec, config=config))
    wait_for(jobs, job, lambda progress: progress.step >= 8)
    os.kill(pid(job), signal.SIGKILL)
    done = wait_for(jobs, job, lambda progress: progress.state == "done")
    starts = [event.step for event in read(job.folder.events)[0] if isinstance(event, Started)]
    assert len(starts) == 2 and starts[0] == 0 < starts[1]
    assert [step for step, _ in done.losses] == list(range(1, 121))
    assert any("goes on by itself" in en for en, _ in done.notes) and job.adapter


SERVER = """
import sys, time
from pathlib import Path
from core.train.queue.jobs import Jobs
from core.workspace import Workspace
jobs = Jobs(Workspace(Path(sys.argv[1])))
time.sleep(600)
"""


@pytest.mark.slow
@pytest.mark.parametrize("worker_dies_too", [False, True])
def test_a_killed_server_loses_no_run(workspace: Workspace, spec: JobSpec, worker_dies_too: bool) -> None:
    reader = Jobs(workspace, start=False)
    job = reader.submit(OWNER, replace(spec, config=replace(CONFIG, epochs=150, save_every=5, eval_every=300)))
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(workspace.home)], cwd=ROOT)
    wait_for(reader, job, lambda progress: progress.step >= 8)
    server.kill()
    server.wait()
    if worker_dies_too:
        os.kill(pid(job), signal.SIGKILL)
        wait_for(reader, job, lambda progress: progress.state == "killed")
    first, reached = pid(job), reader.progress(OWNER, job.id).step
    jobs = Jobs(workspace)
    try:
        done = wait_for(jobs, job, lambda progress: progress.state == "done")
    finally:
        jobs.close()
    assert (pid(job) == first) is not worker_dies_too
    assert done.step == 900 > reached and job.adapter


@pytest.mark.slow
def test_a_shutdown_saves_and_the_run_goes_on_afterwards(workspace: Workspace, spec: JobSpec) -> None:
    first = Jobs(workspace)
    job = first.submit(OWNER, replace(spec, config=LONG))
    wait_for(first, job, lambda progress: progress.step >= 5)
    first.close()
    os.kill(pid(job), signal.SIGTERM)
    stopped = wait_for(first, job, lambda progress: progress.state == "stopped")
    assert job.adapter and (job.folder.checkpoints / f"checkpoint-{stopped.step}" / "complete.json").exists()
    second = Jobs(workspace)
    try:
        wait_for(second, job, lambda progress: progress.step > stopped.step)
        second.stop(OWNER, job.id)
        wait_for(second, job, lambda progress: progress.state == "stopped")
    finally:
        second.close()


@pytest.mark.slow
def test_a_second_process_on_the_same_run_ends_at_once(workspace: Workspace, spec: JobSpec) -> None:
    from filelock import FileLock

    folder = run_folder(workspace.home / "run", spec)
    with FileLock(folder.path / ".lock"):
        done = subprocess.run([sys.executable, "-m", "core.train.worker", str(folder.path)], cwd=ROOT, timeout=60)
    assert done.returncode == 3 and not folder.events.exists()


def test_the_process_knows_no_secret(monkeypatch: pytest.MonkeyPatch, workspace: Workspace, spec: JobSpec) -> None:
    from core.train.queue import process as process_module

    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("OAUTH_CLIENT_SECRET", "secret")
    printing = "import json, os, sys; print(json.dumps(dict(os.environ)))"
    monkeypatch.setattr(process_module, "COMMAND", [sys.executable, "-c", printing])
    folder = run_folder(workspace.home / "run", spec)
    started = process_module.launch(folder, "1")
    while started.alive():
        time.sleep(0.02)
    environment = json.loads(folder.log.read_text())
    assert environment["CUDA_VISIBLE_DEVICES"] == "1"
    assert environment["PYTHONPATH"] and not any("secret" in value for value in environment.values())
    assert not any(name in ("HF_TOKEN", "OAUTH_CLIENT_SECRET") for name in environment)
