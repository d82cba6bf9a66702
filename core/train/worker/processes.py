"""Several processes that train one adapter together, as `accelerate launch` and `torchrun` start them.

Each has a share of every step's rows. They must take the same turns, or they wait for each other for ever: what
one of them finds out alone, they agree on here. accelerate's PartialState says who is there and waits for the others.
Imports torch: only the training process imports this module.
"""

from collections.abc import Sequence

import torch
from accelerate import PartialState
from accelerate.utils import reduce as reduce_tensor

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
    PartialState(cpu=not torch.cuda.is_available())


def reduce(values: Sequence[float]) -> list[float]:
    """Each value, summed over all processes."""
    state = PartialState()
    if not state.use_distributed:
        return list(values)
    summed = reduce_tensor(torch.tensor(values, dtype=torch.float64, device=state.device), reduction="sum")
    assert isinstance(summed, torch.Tensor)  # accelerate types it for nested values, too
    return summed.tolist()


def any_process(yes: bool) -> bool:
    """Whether one of them says yes."""
    return reduce([float(yes)])[0] > 0
