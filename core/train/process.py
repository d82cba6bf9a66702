"""A training process, known by its number and its start time: it is found again after a restart."""

import subprocess
import sys
from dataclasses import dataclass

from core.settings import ROOT, worker_environment
from core.train.devices import CPU
from core.train.spec import RunFolder

COMMAND = [sys.executable, "-m", "core.train.worker"]  # and the run's folder

_children: dict[int, subprocess.Popen] = {}  # started by this server: to be reaped when they end


@dataclass(frozen=True)
class Process:
    """A process that may be gone, and whose number may by now belong to another one."""

    pid: int
    created: float
    """Start time in seconds since 1970, as psutil tells it."""

    def alive(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        import psutil

        if child := _children.get(self.pid):
            if child.poll() is None:
                return True
            del _children[self.pid]
        try:
            process = psutil.Process(self.pid)
            # The clock may have been set in between: the start time is then told a little differently.
            return abs(process.create_time() - self.created) < 2 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def kill(self) -> None:
        """End it and everything it started, at once."""
        import psutil

        if not self.alive():
            return
        try:
            tree = [*psutil.Process(self.pid).children(recursive=True), psutil.Process(self.pid)]
        except psutil.NoSuchProcess:
            return
        for process in tree:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(tree, timeout=10)


def launch(folder: RunFolder, device: str) -> Process:
    """Start a training process on one device; it outlives this server and knows none of its secrets."""
    import psutil

    detached = {"start_new_session": True}
    if sys.platform == "win32":
        detached = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    # Trainer would spread over all GPUs that it sees.
    environment = worker_environment() | ({"CUDA_VISIBLE_DEVICES": device} if device != CPU else {})
    with folder.log.open("ab") as log:
        child = subprocess.Popen(
            [*COMMAND, str(folder.path)],
            cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, **detached,
        )  # fmt: skip
    _children[child.pid] = child
    return Process(child.pid, psutil.Process(child.pid).create_time())
