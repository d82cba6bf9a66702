"""Several processes that train one adapter together, as `accelerate launch` and `torchrun` start them.

Each has a share of every step's rows. They must take the same turns, or they wait for each other for ever: what
one of them finds out alone, they agree on here. Imports torch: only the training process imports this module.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import distributed

from core.errors import JobError
from core.settings import launched_processes


def join(expected: int | None = None) -> None:
    """Meet the others, if there are any. Raises JobError when there are not as many as were `expected`."""
    count = launched_processes()
    if expected and count != expected:
        raise JobError(
            f"{expected} processes were asked for, but {count} came. On a CPU `accelerate launch` starts one only: "
            "use torchrun there.",
            f"{expected} 個のプロセスを頼まれましたが、{count} 個でした。CPU では `accelerate launch` は 1 個しか"
            "始めないので、torchrun を使ってください。",
        )
    if count > 1:
        from accelerate import PartialState

        PartialState(cpu=not torch.cuda.is_available())


def together() -> bool:
    """Whether there are others."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def rank() -> int:
    """Which one this is, from 0 on."""
    return distributed.get_rank() if together() else 0


def count() -> int:
    return distributed.get_world_size() if together() else 1


def totals(values: Sequence[float]) -> list[float]:
    """Each value, summed over all processes."""
    if not together():
        return list(values)
    device = "cuda" if "nccl" in distributed.get_backend() else "cpu"
    summed = torch.tensor(values, dtype=torch.float64, device=device)
    distributed.all_reduce(summed)
    return summed.tolist()


def any_says(yes: bool) -> bool:
    """Whether one of them says yes."""
    return totals([float(yes)])[0] > 0


def wait() -> None:
    """Go on when all are here."""
    totals([0.0])


@contextmanager
def first_alone() -> Iterator[None]:
    """The first process goes through what is inside alone, then all the others."""
    if rank():
        wait()
    yield
    if not rank():
        wait()
