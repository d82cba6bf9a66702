"""Training runs of all owners: one at a time, first come first served, and none is ever lost.

A run is a folder (`core.train.spec.RunFolder`) and a process of its own; this module holds no state that
a restart could lose. What a run is doing follows from its files and from whether its process lives.
Of several servers on one home, the one that holds a lock starts processes; all of them can read and ask.
"""

import logging
import re
import secrets
import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from core.errors import AppError, InputError, JobError, NotAllowedError
from core.train.events import Launched, Note, append
from core.train.process import Process, launch
from core.train.progress import EventFollower, Progress, State
from core.train.spec import JobSpec, RunFolder
from core.workspace import Workspace, full_disk_told, read_json, write_json

log = logging.getLogger(__name__)

ID = re.compile(r"\d{8}T\d{6}-[0-9a-f]{16}")
TRIES = 3  # starts by the app itself that may fail in a row before a person has to look
TICK = 0.5  # seconds between two looks at the queue


@dataclass(frozen=True)
class Job:
    """A training run, as its owner knows it."""

    id: str
    owner: str
    created: float
    """Seconds since 1970."""
    spec: JobSpec
    folder: RunFolder

    @property
    def name(self) -> str:
        """The adapter's name."""
        return self.spec.adapter_name

    @property
    def adapter(self) -> Path | None:
        """Folder of the adapter, as soon as there is one: when done, and also when stopped."""
        return self.folder.adapter if (self.folder.adapter / "adapter_config.json").exists() else None


@dataclass(frozen=True)
class Meta:
    """What meta.json says: whose run it is, whether it waits, and which process runs it."""

    id: str
    owner: str
    created: float
    queued: float | None
    """When it was put in the queue; None once it has been started."""
    tries: int = 0
    """Starts in a row by the app itself since the newest checkpoint or since a person asked."""
    pid: int | None = None
    pid_created: float | None = None
    """The process' start time: another process may get the same number later."""

    @property
    def process(self) -> Process | None:
        return Process(self.pid, self.pid_created) if self.pid and self.pid_created else None


class Jobs:
    """All training runs under a workspace. Every method that names a run checks its owner.

    With `start`, a thread starts queued runs; `close` ends it (the runs go on). A run that was asked to
    stop and does not is killed `grace` seconds later, or three steps later if that is longer.
    """

    def __init__(self, workspace: Workspace, *, start: bool = True, grace: float = 90.0) -> None:
        self._home = workspace.jobs()
        self._grace = grace
        self._lock = threading.RLock()
        self._followers: dict[str, EventFollower] = {}
        self._wake, self._closed = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._dispatch_for_ever, name="training queue", daemon=True)
        if start:
            self._thread.start()

    def close(self) -> None:
        """Start no more runs. Those that run go on, and are found again by the next server."""
        self._closed.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    # What an owner can do

    def submit(self, owner: str, spec: JobSpec) -> Job:
        """Put a new run at the end of the queue. Raises InputError when its data set is not there."""
        if not (spec.dataset / "train.jsonl").is_file():
            raise InputError(
                f"The data set “{spec.dataset.name}” has no train.jsonl. Make or choose a data set first.",
                f"データセット「{spec.dataset.name}」に train.jsonl がありません。"
                "先にデータセットを作るか選んでください。",
            )
        now = time.time()
        job_id = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now)) + "-" + secrets.token_hex(8)
        folder = RunFolder(self._home / job_id)
        folder.path.mkdir()
        try:
            with full_disk_told():
                folder.take_rows(spec.dataset)
            folder.write_spec(spec)
            self._write(Meta(job_id, owner, now, queued=now))  # last: a folder without meta.json is no run yet
        except BaseException:
            shutil.rmtree(folder.path, ignore_errors=True)
            raise
        self._wake.set()
        return Job(job_id, owner, now, spec, folder)

    def list(self, owner: str) -> list[Job]:
        """The owner's runs, newest first."""
        return [self._job(meta) for meta in reversed(self._metas()) if meta.owner == owner]

    def get(self, owner: str, job_id: str) -> Job:
        """The run. Raises NotAllowedError when there is none of that id, or it is somebody else's."""
        return self._job(self._owned(owner, job_id))

    def progress(self, owner: str, job_id: str) -> Progress:
        """How the run stands. Cheap: only what was appended since the last call is read."""
        with self._lock:
            meta = self._owned(owner, job_id)
            state, follower = self._state(meta), self._follower(meta.id)
            return follower.show(state, self._ahead(meta) if state == "queued" else 0)

    def stop(self, owner: str, job_id: str) -> None:
        """Ask the run to stop: it ends after the step at hand and keeps its adapter."""
        with self._lock:
            meta = self._owned(owner, job_id)
            if self._state(meta) in ("queued", "running", "killed"):
                self._folder(meta.id).stop.touch()
        self._wake.set()

    def resume(self, owner: str, job_id: str) -> None:
        """Put a run that ended early back in the queue; it goes on from its last checkpoint.

        Raises JobError when it is done.
        """
        with self._lock:
            meta = self._owned(owner, job_id)
            state = self._state(meta)
            if state == "done":
                raise JobError("This training is already done.", "この学習はもう終わっています。")
            if state == "stopping":
                raise JobError("This training is still stopping. Resume it in a moment.",
                               "この学習は停止の途中です。少し待ってから再開してください。")  # fmt: skip
            if state in ("stopped", "failed", "killed"):
                self._write(replace(meta, queued=time.time(), tries=0))
                self._folder(meta.id).stop.unlink(missing_ok=True)
        self._wake.set()

    def delete(self, owner: str, job_id: str) -> None:
        """Remove the run and its adapter. Raises JobError while it runs."""
        with self._lock:
            meta = self._owned(owner, job_id)
            if self._state(meta) in ("running", "stopping") or self._alive(meta):
                raise JobError("Stop this training before deleting it.", "削除する前に、この学習を止めてください。")
            folder = self._folder(meta.id).path
            aside = folder.with_name(f".{folder.name}")
            folder.rename(aside)
            self._followers.pop(meta.id, None)
        shutil.rmtree(aside, ignore_errors=True)

    # What the files and the process say

    def _owned(self, owner: str, job_id: str) -> Meta:
        meta = self._meta(job_id) if ID.fullmatch(job_id) else None
        if meta is None or meta.owner != owner:
            raise NotAllowedError("There is no such training of yours.", "あなたの学習の中に、これはありません。")
        return meta

    def _folder(self, job_id: str) -> RunFolder:
        return RunFolder(self._home / job_id)

    def _job(self, meta: Meta) -> Job:
        folder = self._folder(meta.id)
        return Job(meta.id, meta.owner, meta.created, folder.read_spec(), folder)

    def _meta(self, job_id: str) -> Meta | None:
        try:
            return Meta(**read_json(self._folder(job_id).meta))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _metas(self) -> Sequence[Meta]:
        """All runs, oldest first."""
        names = (path.name for path in self._home.iterdir() if ID.fullmatch(path.name))
        return sorted((meta for name in names if (meta := self._meta(name))), key=lambda meta: meta.created)

    def _write(self, meta: Meta) -> None:
        write_json(self._folder(meta.id).meta, asdict(meta))

    def _follower(self, job_id: str) -> EventFollower:
        """The run's event log, up to date."""
        follower = self._followers.setdefault(job_id, EventFollower(self._folder(job_id)))
        follower.follow()
        return follower

    def _alive(self, meta: Meta) -> bool:
        return meta.process is not None and meta.process.alive()

    def _state(self, meta: Meta) -> State:
        stop = self._folder(meta.id).stop.exists()
        if meta.queued is not None:
            return "stopped" if stop else "queued"
        # Looked at before the log: a process that ends in between has told its ending by then.
        alive = self._alive(meta)
        ending = self._follower(meta.id).ending
        if ending:
            return ending
        if alive:
            return "stopping" if stop else "running"
        return "stopped" if stop else "killed"

    def _queue(self) -> Sequence[Meta]:
        waiting = [meta for meta in self._metas() if self._state(meta) == "queued"]
        return sorted(waiting, key=lambda meta: (meta.queued, meta.id))

    def _ahead(self, meta: Meta) -> int:
        busy = sum(self._alive(other) for other in self._metas())
        return busy + sum((other.queued, other.id) < (meta.queued, meta.id) for other in self._queue())

    # The thread that starts runs

    def _dispatch_for_ever(self) -> None:
        lock = FileLock(self._home / ".queue.lock", thread_local=False)
        while not self._closed.is_set():
            try:
                with lock.acquire(timeout=0):
                    while not self._closed.is_set():
                        self._tick()
                        self._wake.wait(TICK)
                        self._wake.clear()
            except Timeout:  # another server on this home does it; take over when it is gone
                self._closed.wait(2 * TICK)
            except (OSError, AppError):  # a full disk is an AppError
                log.exception("the training queue cannot be read or written")
                self._closed.wait(10 * TICK)

    def _tick(self) -> None:
        with self._lock:
            metas = self._metas()
            for meta in metas:
                self._end_if_overdue(meta)
                self._queue_again_if_lost(meta)
            if not any(self._alive(meta) for meta in metas) and (queue := self._queue()):
                self._start(queue[0])

    def _start(self, meta: Meta) -> None:
        folder = self._folder(meta.id)
        append(folder.events, Launched(meta.tries))
        process = launch(folder)
        try:
            self._write(replace(meta, queued=None, pid=process.pid, pid_created=process.created))
        except BaseException:  # nobody would know of it
            process.kill()
            raise

    def _queue_again_if_lost(self, meta: Meta) -> None:
        """A run whose process died, or was told to end by a shutdown, goes on without being asked."""
        folder = self._folder(meta.id)
        if meta.queued is not None or folder.stop.exists() or self._alive(meta):
            return
        if self._state(meta) not in ("killed", "stopped"):
            return
        follower = self._follower(meta.id)
        moved = follower.saved > follower.saved_at_launch
        tries = 1 if moved else meta.tries + 1
        if tries > TRIES:
            return
        append(folder.events, Note(
            f"The training process was lost at step {follower.step}; it goes on by itself from step {follower.saved}.",
            f"学習プロセスがステップ {follower.step} で失われたため、ステップ {follower.saved} から自動で再開します。",
        ))  # fmt: skip
        self._write(replace(meta, queued=time.time(), tries=tries))

    def _end_if_overdue(self, meta: Meta) -> None:
        """Kill a process that was asked to stop and does not; at once where no step is done that could be lost."""
        stop = self._folder(meta.id).stop
        if not stop.exists() or not self._alive(meta):
            return
        follower = self._follower(meta.id)
        grace = max(self._grace, 3 * follower.pace) if follower.step else min(self._grace, 10.0)
        if time.time() - stop.stat().st_mtime > grace:
            meta.process.kill()
