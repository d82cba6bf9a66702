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


def is_distributed() -> bool:
    """Whether there are others."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def process_index() -> int:
    """Which one this is, from 0 on."""
    return distributed.get_rank() if is_distributed() else 0


def num_processes() -> int:
    return distributed.get_world_size() if is_distributed() else 1


def reduce(values: Sequence[float]) -> list[float]:
    """Each value, summed over all processes."""
    if not is_distributed():
        return list(values)
    device = "cuda" if "nccl" in distributed.get_backend() else "cpu"
    summed = torch.tensor(values, dtype=torch.float64, device=device)
    distributed.all_reduce(summed)
    return summed.tolist()


def any_process(yes: bool) -> bool:
    """Whether one of them says yes."""
    return reduce([float(yes)])[0] > 0


def wait_for_everyone() -> None:
    """Go on when all are here."""
    reduce([0.0])


@contextmanager
def main_process_first() -> Iterator[None]:
    """The first process goes through what is inside alone, then all the others."""
    if process_index():
        wait_for_everyone()
    yield
    if not process_index():
        wait_for_everyone()
