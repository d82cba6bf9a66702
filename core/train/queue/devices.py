"""What runs train on: each CUDA GPU takes one run at a time, and so does a computer without any."""

from core.settings import visible_gpus

CPU = "cpu"


def devices() -> tuple[str, ...]:
    """Names of the GPUs, as CUDA_VISIBLE_DEVICES takes them; ("cpu",) without any. Imports torch."""
    import torch

    count = torch.cuda.device_count()
    named = visible_gpus() or tuple(map(str, range(count)))
    return named[:count] or (CPU,)
