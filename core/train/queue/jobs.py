"""Training runs as their owners use them: submit, watch, move up, stop, resume, delete.

First come, first served over all owners, one run at a time on each device, and none is ever lost.
"""

import secrets
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from core.data.preferences import Pair, write_pairs
from core.errors import InputError, JobError, NotAllowedError
from core.files import disk_errors, remove_folder
from core.stored import DamagedError, readable
from core.train.queue import devices as machine
from core.train.queue.allowance import Allowance
from core.train.queue.dispatch import TICK, Dispatcher
from core.train.queue.progress import Progress
from core.train.queue.runs import Meta, Runs
from core.train.spec import JobSpec, RunFolder
from core.workspace import ADAPTER_CONFIG, SPLIT_FILES, Workspace


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
        return self.folder.adapter if (self.folder.adapter / ADAPTER_CONFIG).exists() else None


class Jobs:
    """All training runs under a workspace. Every method that names a run checks its owner.

    With `start`, a thread starts queued runs; `close` ends it (the runs go on). A run that was asked to
    stop and does not is killed `grace` seconds later, or three steps later if that is longer. The thread looks at
    the queue every `tick` seconds, and at once when something changes. What happens is reported to the `monitors`, too.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        start: bool = True,
        grace: float = 90.0,
        devices: Callable[[], Sequence[str]] = machine.devices,
        monitors: Sequence[str] = (),
        tick: float = TICK,
    ) -> None:
        self._workspace = workspace
        self._runs = Runs(workspace.jobs())
        self._allowance = Allowance(self._runs, workspace)
        self._dispatcher = Dispatcher(self._runs, devices, self._allowance, grace=grace, monitors=monitors, tick=tick)
        if start:
            self._dispatcher.start()

    def close(self) -> None:
        """Start no more runs. Those that run go on, and are found again by the next server."""
        self._dispatcher.close()

    def look(self) -> None:
        """Do once, in this thread, what the queue's thread does at every tick."""
        self._dispatcher.look()

    def submit(self, owner: str, spec: JobSpec, *, start: Path | None = None, pairs: Sequence[Pair] = ()) -> Job:
        """Put a new run at the end of the queue. Raises InputError without its data set, or when no more is allowed.

        With `start`, the folder of an adapter of the same base, the run goes on from that. `pairs` are what
        preference tuning learns from beside the adapter's own replies.
        """
        if not (spec.dataset / SPLIT_FILES["train"]).is_file():
            raise InputError(
                f"The data set “{spec.dataset.name}” has no train.jsonl. Make or choose a data set first.",
                f"データセット「{spec.dataset.name}」に train.jsonl がありません。"
                "先にデータセットを作るか選んでください。",
            )
        self._allowance.check(owner)
        self._workspace.check_room(owner)
        now = time.time()
        job_id = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now)) + "-" + secrets.token_hex(8)
        folder = self._runs.folder(job_id)
        folder.path.mkdir()
        try:
            with disk_errors():
                folder.take_rows(spec.dataset)
                if start is not None:
                    folder.take_start(start)
            if pairs:
                write_pairs(folder.corrections, pairs)
            folder.write_spec(spec)
            self._runs.write(Meta(job_id, owner, now, queued=now))  # last: a folder without meta.json is no run yet
        except BaseException:
            shutil.rmtree(folder.path, ignore_errors=True)
            raise
        self._dispatcher.wake()
        return Job(job_id, owner, now, spec, folder)

    def list_all(self, owner: str) -> list[Job]:
        """The owner's runs, newest first, without those that are damaged."""
        return self._read(owner)[0]

    def damaged(self, owner: str) -> list[DamagedError]:
        """The owner's runs that `list_all` leaves out."""
        return self._read(owner)[1]

    def damaged_by_nobody(self) -> Sequence[DamagedError]:
        """Runs of which nobody can say whose they are: for the person at this machine."""
        return self._runs.damaged()

    def _read(self, owner: str) -> tuple[list[Job], list[DamagedError]]:
        own = {meta.id: meta for meta in reversed(self._runs.all()) if meta.owner == owner}
        return readable(own, lambda job_id: self._job(own[job_id]))

    def get(self, owner: str, job_id: str) -> Job:
        """The run. Raises NotAllowedError when there is none of that id, or it is somebody else's."""
        return self._job(self._owned(owner, job_id))

    def progress(self, owner: str, job_id: str) -> Progress:
        """How the run stands. Cheap: only what was appended since the last call is read."""
        with self._runs.lock:
            meta = self._owned(owner, job_id)
            state, follower = self._runs.state(meta), self._runs.follower(meta.id)
            return follower.show(state, self._ahead(meta) if state == "queued" else 0)

    def queue(self, owner: str) -> Sequence[Job | None]:
        """All runs that wait, the next to start first; None for each that is somebody else's."""
        with self._runs.lock:
            own = {job.id: job for job in self._read(owner)[0]}
            return [own.get(meta.id) for meta in self._runs.waiting()]

    def move(self, owner: str, job_id: str, way: Literal["up", "down"]) -> None:
        """Let a waiting run change places with the owner's next one before or after it; others keep theirs.

        The first one does not go up, nor the last one down. Raises JobError when the run does not wait.
        """
        with self._runs.lock:
            meta = self._owned(owner, job_id)
            own = [waiting for waiting in self._runs.waiting() if waiting.owner == owner]
            if meta not in own:
                raise JobError("This training does not wait any more.", "この学習はもう順番待ちではありません。")
            at = own.index(meta) + (-1 if way == "up" else 1)
            if 0 <= at < len(own):
                other = own[at]
                self._runs.write(replace(meta, queued=other.queued))
                self._runs.write(replace(other, queued=meta.queued))

    def any_under_way(self) -> bool:
        """Whether anybody's run waits or goes on."""
        return any(self._runs.state(meta) in ("queued", "running", "stopping") for meta in self._runs.all())

    def stop(self, owner: str, job_id: str) -> None:
        """Ask the run to stop: it ends after the step at hand and keeps its adapter."""
        with self._runs.lock:
            meta = self._owned(owner, job_id)
            if self._runs.state(meta) in ("queued", "running", "killed"):
                self._runs.folder(meta.id).stop.touch()
        self._dispatcher.wake()

    def resume(self, owner: str, job_id: str) -> None:
        """Put a run that ended early back in the queue; it goes on from its last checkpoint.

        Raises JobError when it is done, InputError when no more training is allowed.
        """
        with self._runs.lock:
            meta = self._owned(owner, job_id)
            state = self._runs.state(meta)
            if state == "done":
                raise JobError("This training is already done.", "この学習はもう終わっています。")
            if state == "stopping":
                raise JobError("This training is still stopping. Resume it in a moment.",
                               "この学習は停止の途中です。少し待ってから再開してください。")  # fmt: skip
            if state in ("stopped", "failed", "killed"):
                self._allowance.check(owner)
                self._runs.write(replace(meta, queued=time.time(), tries=0))
                self._runs.folder(meta.id).stop.unlink(missing_ok=True)
        self._dispatcher.wake()

    def delete(self, owner: str, job_id: str) -> None:
        """Remove the run and its adapter. Raises JobError while it runs."""
        with self._runs.lock:
            meta = self._owned(owner, job_id)
            if self._runs.state(meta) in ("running", "stopping") or meta.alive:
                raise JobError("Stop this training before deleting it.", "削除する前に、この学習を止めてください。")
            folder = self._runs.folder(meta.id).path
            remove_folder(folder)
            self._runs.forget(meta.id)

    def delete_all(self, owner: str) -> int:
        """Remove all runs of an owner, those that run and those that are damaged too; returns how many."""
        with self._runs.lock:
            own = [meta for meta in self._runs.all() if meta.owner == owner]
            for meta in own:
                self._runs.folder(meta.id).stop.touch()  # nobody starts it again
                if meta.process:
                    meta.process.kill()
                self._runs.forget(meta.id)
        for meta in own:
            shutil.rmtree(self._runs.folder(meta.id).path, ignore_errors=True)
        return len(own)

    def _owned(self, owner: str, job_id: str) -> Meta:
        try:
            meta = self._runs.find(job_id)
        except DamagedError:  # nobody can say whose it is
            meta = None
        if meta is None or meta.owner != owner:
            raise NotAllowedError("There is no such training of yours.", "あなたの学習の中に、これはありません。")
        return meta

    def _job(self, meta: Meta) -> Job:
        folder = self._runs.folder(meta.id)
        return Job(meta.id, meta.owner, meta.created, folder.read_spec(), folder)

    def _ahead(self, meta: Meta) -> int:
        """Runs that have to end or to start before this one can start."""
        busy = sum(other.alive for other in self._runs.all())
        return max(0, busy + 1 - len(self._dispatcher.devices)) + self._runs.waiting().index(meta)
