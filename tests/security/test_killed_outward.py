"""What goes out when the server is killed: no export is left running, and the Hub has all of a push or nothing."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from core.hub.client import HUB_ADAPTER_FILES
from core.settings import worker_environment
from core.workspace import ADAPTER_WEIGHTS
from tests.helpers.adapter_tiny import tiny_adapter
from tests.helpers.fake_hub import WRITER, FakeHub
from tests.helpers.train_tiny import tiny_base

ROOT = Path(__file__).resolve().parents[2]
REPO = "alice/socrates"
AS_THE_FAKE_HUB_SPEAKS = {"HF_HUB_DISABLE_XET": "1"}
EXPORT = """
import sys, time
from pathlib import Path
from core.adapters.store import Adapter
from core.export.run import export_in_process

folder, into, wait_at = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
def report(stage):
    if stage == wait_at:
        print(stage, flush=True)
        time.sleep(600)
export_in_process(Adapter.read(folder), into, report)
"""
PUSH = """
import sys, time
from pathlib import Path
from core.hub.client import push_folder

folder, endpoint, repo, token, wait_at = Path(sys.argv[1]), *sys.argv[2:]
def report(step):
    if step.startswith(wait_at):
        print(step, flush=True)
        time.sleep(600)
push_folder(folder=folder, repo=repo, kind="model", token=token, message="m", on_progress=report, endpoint=endpoint)
"""


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("killed")
    return tiny_adapter(folder / "mika", tiny_base(folder / "base")).folder


def started(program: str, *arguments: str) -> subprocess.Popen[str]:
    environment = worker_environment() | AS_THE_FAKE_HUB_SPEAKS
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def killed_at(step: str, program: str, *arguments: str) -> list[psutil.Process]:
    """The processes that `program` had started when it was killed at a step of its work."""
    server = started(program, *arguments, step)
    assert server.stdout and server.stdout.readline().startswith(step)
    children = psutil.Process(server.pid).children(recursive=True)
    server.kill()
    server.wait()
    return children


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("stage", ["reading", "merging", "writing"])
def test_an_export_ends_with_the_server_and_leaves_the_adapter_alone(adapter: Path, tmp_path: Path, stage: str) -> None:
    before = contents(adapter)
    children = killed_at(stage, EXPORT, str(adapter), str(tmp_path / "out"))
    assert len(children) == 1
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == [] and contents(adapter) == before


@pytest.mark.usefixtures("hub_online")
def test_a_push_that_is_killed_shows_nothing_and_can_be_made_again(adapter: Path) -> None:
    with FakeHub() as hub:
        sent = [name for name in HUB_ADAPTER_FILES if (adapter / name).is_file()]
        for step in (REPO, ADAPTER_WEIGHTS, sent[-1]):
            killed_at(step, PUSH, str(adapter), hub.url, REPO, WRITER)
            repo = hub.repos.get(("model", REPO))
            assert repo is None or repo.files == {}, step
        assert started(PUSH, str(adapter), hub.url, REPO, WRITER, "never").wait(120) == 0
        whole = hub.repos["model", REPO]
        assert len(whole.commits) == 2 and set(whole.files) >= set(sent)
