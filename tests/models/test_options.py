"""How a model is loaded: in how many bits, on what device, with what trust; and how far it has come."""

import itertools
import shutil
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.errors import InputError, ModelError, NotAllowedError
from core.models import precision, weights
from core.models.loading import ModelStore
from core.models.model_errors import cannot_load
from core.models.options import LoadOptions, Quantization, Trust
from core.models.sizing.dims import ModelDims
from core.models.sizing.machine import Machine
from core.models.status import ModelStatus, Pace
from core.models.weights import placement, smaller
from tests.helpers.train_tiny import tiny_base
from tests.helpers.typed import present

GB = 10**9
SEVEN_B = ModelDims("llama", "LlamaForCausalLM", True, 7 * GB, 32, 4096, 1024, 32_000, False, 4096, None)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("options") / "base")


def load(store: ModelStore, name: str | None = None, options: LoadOptions = LoadOptions()) -> ModelStatus:  # noqa: B008
    store.start(name, options)
    return store.wait(60)


def pickled(base: Path, folder: Path) -> Path:
    """The same model with its weights in a .bin file alone."""
    import torch
    from safetensors.torch import load_file

    shutil.copytree(base, folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


def test_bin_files_are_read_only_where_that_was_allowed(base: Path, tmp_path: Path) -> None:
    store = ModelStore(str(base))
    load(store)
    folder = pickled(base, tmp_path / "old")
    refused = load(store, str(folder))
    error = present(refused.error)
    assert "“Also read .bin files”" in error.en and "「.bin も読み込む」" in error.ja
    assert refused.in_use == "base"
    assert load(store, str(folder), LoadOptions(trust=Trust(pickles=True))).name == "old"


@pytest.mark.parametrize("trust", [Trust(pickles=True), Trust(code=True)])
def test_nobody_may_allow_it_on_a_public_server(base: Path, trust: Trust) -> None:
    store = ModelStore(str(base), local_folders=False)
    with pytest.raises(NotAllowedError, match=r"\.bin weights are not read"):
        store.start("a/b", LoadOptions(trust=trust))
    with pytest.raises(NotAllowedError):
        ModelStore(str(base), locked=True).start(None, LoadOptions(trust=trust))
    assert store.status == ModelStatus()


def test_the_weights_are_counted_on_their_way(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    weights.read_model("base", base, LoadOptions(), seen.append)
    assert seen[0] == 0.0 and seen[-1] == 1.0 and seen == sorted(seen) and len(seen) > 10


def test_a_load_is_taken_back_between_two_weights(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ModelStore(str(base))
    load(store)
    other, counted = shutil.copytree(base, tmp_path / "other"), weights._counted

    def cancelled_half_way(items: Collection, report: Callable[[float], None]) -> Iterator:
        for number, item in enumerate(counted(items, report)):
            if number == len(items) // 2 and store.status.name == "other":
                store.cancel()
            yield item

    monkeypatch.setattr(weights, "_counted", cancelled_half_way)
    status = load(store, str(other))
    assert (status.state, status.name, status.error) == ("ready", "base", None)
    assert store.current().name == "base" and store.current().model is not None


def test_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(step=4.0)
    monkeypatch.setattr("core.models.status.time", SimpleNamespace(monotonic=lambda: next(clock)))
    pace = Pace()
    assert pace.seconds_left(None) is None
    assert pace.seconds_left(0.5) is None  # what was there before says nothing of the speed
    left = pace.seconds_left(0.75)
    assert left is not None and 0 < left < 20
    assert Pace().seconds_left(0.0) is None


def test_gemma_is_never_held_in_float16(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def chosen(model_type: str) -> list[torch.dtype]:
        return [precision.choose_precision(use, model_type, 2e9, "cuda").dtype for use in ("talking", "training")]

    monkeypatch.setattr(precision, "bfloat16_on_gpu", lambda: False)  # Colab's T4
    assert chosen("llama") == [torch.float16] * 2 and chosen("gemma2") == [torch.float32] * 2
    monkeypatch.setattr(precision, "bfloat16_on_gpu", lambda: True)
    assert chosen("llama") == chosen("gemma2") == [torch.bfloat16] * 2


@pytest.mark.parametrize(
    ("device", "ram", "gpu", "quantization", "found"),
    [
        ("cpu", 32, 0, "none", {}),
        ("cpu", 32, 0, "4bit", {"": "cpu"}),
        ("cuda", 32, 24, "none", {"": 0}),
        ("cuda", 32, 12, "none", "auto"),  # partly in RAM
        ("cuda", 32, 12, "8bit", {"": 0}),
        ("cpu", 12, 0, "none", "8-bit"),
        ("cpu", 6, 0, "8bit", "4-bit"),
        ("cuda", 4, 8, "none", "4-bit"),
        ("cuda", 64, 2, "4bit", "a smaller model"),
        ("cpu", 2, 0, "4bit", "a smaller model"),
    ],
)  # fmt: skip
def test_where_seven_billion_weights_go(
    monkeypatch: pytest.MonkeyPatch, device: str, ram: int, gpu: int, quantization: Quantization, found: object
) -> None:
    import torch

    monkeypatch.setattr(weights, "this_machine", lambda: Machine(ram * GB, gpu * GB or None))
    monkeypatch.setattr(weights, "free_on_gpu", lambda: gpu * GB)
    if isinstance(found, str) and found != "auto":
        with pytest.raises(ModelError, match=f"Choose {found}"):
            placement("x", SEVEN_B, quantization, torch.bfloat16, device)
        return
    placed = placement("x", SEVEN_B, quantization, torch.bfloat16, device)
    assert placed.get("device_map", {}) == found
    assert ("quantization_config" in placed) == (quantization != "none")


def test_the_most_bits_that_fit_are_named() -> None:
    assert [smaller(SEVEN_B, n * GB) for n in (9, 6, 2)] == ["8bit", "4bit", None]


def test_an_old_model_with_code_of_its_own_names_its_sibling(tmp_path: Path) -> None:
    folder = tmp_path / "japanese-stablelm-3b-4e1t-instruct"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "stablelm_epoch", "auto_map": {"AutoConfig": "x.C"}}')
    name, error = "stabilityai/japanese-stablelm-3b-4e1t-instruct", ValueError("get_head_mask is gone\nmore")
    said = cannot_load(name, error, folder)
    assert "stabilityai/japanese-stablelm-instruct-gamma-7b is close to it" in said.en and "more" not in said.en
    assert "stabilityai/japanese-stablelm-instruct-gamma-7b ならここで動きます" in said.ja
    unknown = cannot_load("some/other", error, folder)
    assert "tick “Run the model's own code”" in unknown.en
    assert "tick" not in cannot_load("some/other", error, folder, Trust(code=True)).en
    assert cannot_load("x", InputError("as it is", "")).en == "as it is"


@pytest.mark.slow
def test_memory_is_flat_over_twenty_loads(base: Path) -> None:
    """Resident memory after 20 models, each loaded over the last, is that after the first few."""
    import psutil

    big = tiny_base(base.with_name("big"), hidden=1024)  # 20 MB of weights: a model that stays would show
    store, process, seen = ModelStore(str(base)), psutil.Process(), []
    for number in range(20):
        assert load(store, str(big if number % 2 else base)).state == "ready"
        seen.append(process.memory_info().rss)
    size = (big / "model.safetensors").stat().st_size
    assert size > 15e6 and max(seen[-2:]) - max(seen[2:4]) < size  # one that is kept of eight would be eight times it
