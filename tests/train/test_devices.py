"""Which devices runs are given: the GPUs that the server may use, by the names it was given."""

import pytest

from core.train.queue.devices import devices


@pytest.mark.parametrize(
    ("visible", "count", "expected"),
    [
        (None, 0, ("cpu",)),
        (None, 2, ("0", "1")),
        ("2, 3", 2, ("2", "3")),
        ("GPU-5f3a", 1, ("GPU-5f3a",)),
        ("", 0, ("cpu",)),
        ("0,7", 1, ("0",)),  # the second one is not there
    ],
)
def test_each_gpu_is_one(monkeypatch: pytest.MonkeyPatch, visible: str | None, count: int, expected: tuple) -> None:
    import torch

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    assert devices() == expected
