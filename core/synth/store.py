"""Plans of dialogues as their owners keep them on a server: made, started in a process of their own, stopped, deleted.

A plan is a folder (`core.synth.records.SynthFolder`) with everything that decides it. How it stands follows from its
files and from whether its process lives: a reload or a killed server loses nothing.
"""

import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

from core.errors import InputError, JobError
from core.files import disk_errors, new_folder, read_json, remove_folder, safe_name, write_json, write_text
from core.limits import check_count
from core.personas import Persona
from core.personas.store import persona_to_json
from core.settings import worker_environment
from core.stored import DamagedError, parse, readable, reading
from core.synth.plan import Plan, read_plan
from core.synth.records import SynthFolder
from core.text import Text
from core.train.events import Launched, append
from core.train.queue.process import Process, start_process
from core.workspace import Workspace

SynthCommand = Literal["run", "judge"]
COMMAND = [sys.executable, "-m", "core.synth"]
DIALOGUES = Text("dialogues of one plan", "1 つの計画の対話")
PERSONA_FILE = "persona.json"


@dataclass(frozen=True)
class StartedProcess:
    """What run.json says: what was started last, and when."""

    command: SynthCommand
    pid: int
    pid_created: float
    started: float
    """Seconds since 1970."""
    lines_before: int
    """Turns, or verdicts, that were there by then."""
    first: int = 0
    """Make only so many dialogues; 0 for all."""

    @property
    def alive(self) -> bool:
        return Process(self.pid, self.pid_created).alive()


@dataclass(frozen=True)
class StoredPlan:
    """A plan in its folder."""

    name: str
    folder: SynthFolder

    @property
    def plan(self) -> Plan:
        """Raises DamagedError of the folder where it cannot be read."""
        path = self.folder.plan
        with reading(self.folder.path):
            return _read(path, path.stat().st_mtime_ns)

    @property
    def started(self) -> StartedProcess | None:
        """What was started last; None before anything was."""
        try:
            return parse(StartedProcess, read_json(self.folder.started))
        except (OSError, ValueError):
            return None

    @property
    def command_file(self) -> Path:
        """What grows while the last command runs."""
        started = self.started
        return self.folder.verdicts if started and started.command == "judge" else self.folder.turns


@dataclass(frozen=True)
class PlanStore:
    """The plans of every owner."""

    workspace: Workspace
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def save(
        self, owner: str, name: str, settings: Mapping[str, object], persona: Persona,
        files: Mapping[str, Path] | None = None,
    ) -> StoredPlan:  # fmt: skip
        """Keep a plan under `name` or the next free one. `settings` are those of a plan's YAML file but the persona.

        `files` are copied beside it: "users" and "openings". Raises InputError where the plan cannot be used; then
        nothing is left behind.
        """
        import yaml

        self.workspace.check_room(owner)
        free = self.workspace.free_name(owner, "dialogues", safe_name(name, "dialogues"))
        target = self.workspace.place(owner, "dialogues", free)
        value = {"persona": PERSONA_FILE, **settings}
        with disk_errors(), new_folder(target) as tmp:
            for kind, path in (files or {}).items():
                (tmp / f"{kind}{path.suffix}").write_bytes(path.read_bytes())
                given = value.get(kind)
                copied = f"{kind}{path.suffix}"
                value[kind] = {**given, "file": copied} if isinstance(given, Mapping) else copied
            write_json(tmp / PERSONA_FILE, persona_to_json(persona))
            text = yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=120)
            write_text(SynthFolder(tmp).plan, text)
            check_count(read_plan(SynthFolder(tmp).plan).planned - 1, self.workspace.limits.dialogues, DIALOGUES)
        return StoredPlan(free, SynthFolder(target))

    def list_all(self, owner: str) -> list[StoredPlan]:
        """The owner's plans, the one that was last made or started first."""
        return sorted(self._read(owner)[0], key=lambda one: -_touched(one.folder))

    def damaged(self, owner: str) -> list[DamagedError]:
        """What `list_all` leaves out."""
        return self._read(owner)[1]

    def _read(self, owner: str) -> tuple[list[StoredPlan], list[DamagedError]]:
        return readable(self.workspace.names(owner, "dialogues"), lambda name: self._checked(owner, name))

    def _checked(self, owner: str, name: str) -> StoredPlan:
        """Raises DamagedError where its plan cannot be read, FileNotFoundError where it was removed in this moment."""
        folder = self.workspace.place(owner, "dialogues", name)
        folder.stat()
        with reading(folder):
            stored = self.get(owner, name)
            _ = stored.plan
        return stored

    def get(self, owner: str, name: str) -> StoredPlan:
        """Raises InputError where there is none."""
        folder = SynthFolder(self.workspace.place(owner, "dialogues", name))
        if not folder.plan.is_file():
            raise InputError(
                f"There is no plan “{name}” any more. Choose another one.",
                f"計画「{name}」はもうありません。別の計画を選んでください。",
            )
        return StoredPlan(name, folder)

    def start(self, owner: str, name: str, command: SynthCommand, *, first: int = 0, key: str = "") -> None:
        """Start what makes or judges the dialogues that are missing; `key` is that of the plan's servers.

        Raises JobError while another plan, anybody's, is at work: they would only slow each other down.
        """
        with self._lock:
            if busy := self._busy():
                own = busy[0] == owner
                raise JobError(
                    f"“{busy[1] if own else '…'}” is still at work. Wait until it is done, or stop it first.",
                    f"「{busy[1] if own else '…'}」がまだ動いています。終わるのを待つか、先に止めてください。",
                )
            stored = self.get(owner, name)
            folder = stored.folder
            folder.stop.unlink(missing_ok=True)
            append(folder.events, Launched(0))
            grows = folder.verdicts if command == "judge" else folder.turns
            arguments = [str(folder.plan), command, "--out", str(folder.path), *(["--first", f"{first}"] * bool(first))]
            process = start_process([*COMMAND, *arguments], folder.log, worker_environment(), typed=f"{key}\n")
            try:
                started = StartedProcess(
                    command, process.pid, process.created, time.time(), count_lines(grows), first
                )  # fmt: skip
                write_json(folder.started, asdict(started))
            except BaseException:  # nobody would know of it
                process.kill()
                raise

    def stop(self, owner: str, name: str) -> None:
        """Ask it to stop; asked again, end it at once. What was said is on the disk either way."""
        stored = self.get(owner, name)
        started = stored.started
        if not started or not started.alive:
            return
        if stored.folder.stop.exists():
            Process(started.pid, started.pid_created).kill()
        stored.folder.stop.touch()

    def delete(self, owner: str, name: str) -> None:
        """Remove a plan and all that was made of it. Raises InputError where there is none."""
        stored = self.get(owner, name)
        if (started := stored.started) and started.alive:
            Process(started.pid, started.pid_created).kill()
        remove_folder(stored.folder.path)

    def stop_all(self, owner: str) -> None:
        """End whatever runs for an owner, at once."""
        for stored in self.list_all(owner):
            if (started := stored.started) and started.alive:
                Process(started.pid, started.pid_created).kill()

    def _busy(self) -> tuple[str, str] | None:
        """(owner, plan) of what is at work."""
        for owner in self.workspace.owners():
            for stored in self.list_all(owner):
                if (started := stored.started) and started.alive:
                    return owner, stored.name
        return None


def count_lines(path: Path) -> int:
    """Whole lines of a file; 0 where there is none."""
    try:
        return path.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def _touched(folder: SynthFolder) -> float:
    return max(path.stat().st_mtime for path in (folder.plan, folder.started) if path.is_file())


@lru_cache(maxsize=32)
def _read(path: Path, changed: int) -> Plan:
    return read_plan(path)
