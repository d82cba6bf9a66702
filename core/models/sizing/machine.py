"""The memory of this machine, and whether something fits in it. Imports no torch."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
# Shares of the memory: up to the first a model leaves room for other programs, above the second it does not fit.
EASY, MOST = 0.8, 0.95

FitRating = Literal["fits", "tight", "too big", "unknown"]


@dataclass(frozen=True)
class Machine:
    """Where models run here, in bytes. `vram` is None without a GPU that has memory of its own."""

    ram: int
    vram: int | None = None

    @property
    def memory(self) -> int:
        """What a model has to fit in."""
        return self.ram if self.vram is None else self.vram


@lru_cache(maxsize=1)
def this_machine() -> Machine:
    """The memory of this machine, within what a container allows. Asks nvidia-smi, not torch."""
    import psutil

    limits = [psutil.virtual_memory().total, *_container_limits()]
    return Machine(min(limits), max(_nvidia_memory(), default=None))


def fits(need: int | None, machine: Machine) -> FitRating:
    """Whether `need` bytes fit: "tight" leaves other programs little, or needs them closed."""
    if need is None:
        return "unknown"
    if need <= EASY * machine.memory:
        return "fits"
    return "tight" if need <= MOST * machine.memory else "too big"


def _container_limits() -> Iterator[int]:
    for path in CGROUP_LIMITS:
        try:
            text = Path(path).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
        if text.isdigit():  # "max" is no limit
            yield int(text)


def _nvidia_memory() -> list[int]:
    """Bytes of each NVIDIA GPU; empty without one, or where its driver does not answer."""
    if not (tool := shutil.which("nvidia-smi")):
        return []
    ask = [tool, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(ask, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [int(line) << 20 for line in answer.split() if line.isdigit()]
