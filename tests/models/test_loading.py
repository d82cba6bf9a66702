"""Models: found, fetched, loaded and given back, and a sentence for whatever cannot be."""

import gc
import json
import shutil
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core.catalogue.bundled import NAME
from core.errors import AppError, HubError, InputError, ModelError, NotAllowedError
from core.models import loading
from core.models.download import download
from core.models.loading import ModelStatus, ModelStore
from core.models.read import context_of
from core.models.sizing.dims import LARGEST_WINDOW
from tests.helpers.fake_hub import FakeHub
from tests.helpers.train_tiny import tiny_base
from tests.helpers.typed import present

if TYPE_CHECKING:
    pass

REPO = "alice/tiny"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture
def store(tmp_path: Path, base: Path) -> ModelStore:
    return ModelStore(str(base))


@pytest.fixture
def hub(base: Path, hub_online: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    """A Hub that holds the tiny model, and an empty cache."""
    from huggingface_hub.utils import close_session

    with FakeHub() as hub:
        hub.add_repo(REPO, {path.name: path.read_bytes() for path in base.iterdir()})
        hub.plug_in(monkeypatch, tmp_path / "cache")
        yield hub
        close_session()


def unplug(hub: FakeHub) -> None:
    """Nothing listens any more, and no connection is left open."""
    from huggingface_hub.utils import close_session

    hub.stop()
    close_session()


def load(store: ModelStore, name: str | None = None) -> ModelStatus:
    store.start(name)
    return store.wait(60)


def refused(store: ModelStore, name: str | None = None) -> AppError:
    """What is said of a model that cannot be loaded."""
    return present(load(store, name).error)


def test_the_model_that_comes_with_the_app_is_the_first(tmp_path: Path) -> None:
    store = ModelStore()
    with pytest.raises(ModelError, match="still being loaded"):
        store.current()
    status = load(store)
    assert (status.state, status.error) == ("ready", None)
    assert status.name == NAME
    loaded = store.current()
    assert status.parameters == loaded.model.num_parameters() and status.context == loaded.context > 0
    assert status.device == str(loaded.pretrained.device)
    assert not any(weights.requires_grad for weights in loaded.pretrained.parameters())


def test_a_folder_is_loaded_by_its_path(store: ModelStore, base: Path) -> None:
    assert load(store, f"  {base}  ").name == "base"
    assert store.current().folder == base


@pytest.mark.parametrize(
    "name", ["no model", "a/b/c", "-/-", "https://huggingface.co/a/b", "ａ" * 3000, "a\0b", "gpt2 "]
)
def test_what_is_neither_an_id_nor_a_folder_is_refused_at_once(store: ModelStore, name: str) -> None:
    with pytest.raises(InputError, match="neither a Hub id"):
        store.start(name)
    assert store.status == ModelStatus()


def test_strangers_may_not_name_folders(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ModelStore(str(base), local_folders=False)
    for name in (str(base), "../base", "~/base", f"{base}/../base", "./base"):
        with pytest.raises(InputError, match="neither a Hub id"):
            store.start(name)
    assert load(store).state == "ready"  # the owner of the server may
    monkeypatch.chdir(base.parent.parent)
    as_if_an_id = f"{base.parent.name}/base"

    def asked(repo: str) -> None:
        raise HubError(f"{repo} was asked for", "")

    monkeypatch.setattr("core.models.loading.check_open", asked)
    assert refused(store, as_if_an_id).en == f"{as_if_an_id} was asked for"


def test_a_locked_model_stays(tmp_path: Path) -> None:
    store = ModelStore(locked=True)
    with pytest.raises(NotAllowedError, match="cannot change it"):
        store.start("Qwen/Qwen3-0.6B")
    assert store.status == ModelStatus()
    store.start()
    assert store.wait(120).state == "ready"


def test_a_folder_that_is_no_model_is_told_and_the_old_one_stays(store: ModelStore, tmp_path: Path) -> None:
    load(store)
    before = store.current()
    status = load(store, str(tmp_path))
    error = present(status.error)
    assert status.state == "failed" and "no config.json" in error.en and "config.json" in error.ja
    assert store.current() is before and status.in_use == before.name
    assert refused(store, "./not-there").en.startswith("“./not-there” is not a model's folder")


def broken(base: Path, folder: Path, how: str) -> Path:
    shutil.copytree(base, folder)
    weights = folder / "model.safetensors"
    if how == "cut weights":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif how == "no weights":
        weights.unlink()
    elif how == "garbage config":
        (folder / "config.json").write_text("{", encoding="utf-8")
    elif how == "unknown kind":
        (folder / "config.json").write_text(json.dumps({"model_type": "alien"}), encoding="utf-8")
    elif how == "no tokenizer":
        (folder / "tokenizer.json").unlink()
    elif how == "fewer weights":
        from safetensors.torch import load_file, save_file

        kept = {name: tensor for name, tensor in load_file(weights).items() if "q_proj" not in name}
        save_file(kept, weights, metadata={"format": "pt"})
    elif how == "other shapes":
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 64}), encoding="utf-8")
    elif how == "own code":
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        config |= {"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config", "AutoModelForCausalLM": "mine.M"}}
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        (folder / "mine.py").write_text("raise SystemExit('this code must not run')", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "how",
    ["cut weights", "no weights", "garbage config", "unknown kind", "no tokenizer", "fewer weights", "other shapes",
     "own code"],
)  # fmt: skip
def test_a_broken_model_is_a_sentence_and_the_old_one_answers(
    store: ModelStore, base: Path, tmp_path: Path, how: str
) -> None:
    load(store)
    status = load(store, str(broken(base, tmp_path / "odd", how)))
    assert (status.state, status.name) == ("failed", "odd"), how
    said = present(status.error).en
    assert "“odd”" in said and "Traceback" not in said and len(said) < 500
    assert store.current().name == "base" and status.parameters == store.current().model.num_parameters()
    assert load(store, str(base)).state == "ready"


def test_a_load_while_loading_is_refused(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    store.run(go.wait, 10)  # the model's thread is busy
    store.start()
    with pytest.raises(ModelError, match="“base” is being loaded"):
        store.start()
    go.set()
    assert store.wait(60).state == "ready"
    assert load(store).state == "ready"


def test_a_load_can_be_taken_back_before_it_replaces_the_model(store: ModelStore, base: Path, tmp_path: Path) -> None:
    load(store)
    before, go = store.current(), threading.Event()
    other = shutil.copytree(base, tmp_path / "other")
    store.run(go.wait, 10)
    store.start(str(other))
    store.cancel()
    go.set()
    assert store.wait(60).name == "base" and store.current() is before


def test_the_old_model_leaves_memory(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.chat.engine import Engine
    from core.models.sampling import Sampling
    from core.prompt import StopCriteria

    load(store)
    list(
        Engine(store).stream(
            store.current(), (1, 2), Sampling(max_new_tokens=1), StopCriteria((), ()), stop=threading.Event()
        )
    )
    old = weakref.ref(store.current().model)
    gone_before_the_new_one: list[bool] = []
    read = loading.read_weights

    def watched(*args: Any) -> object:
        gone_before_the_new_one.append(old() is None)
        return read(*args)

    monkeypatch.setattr(loading, "read_weights", watched)
    load(store)
    gc.collect()
    assert gone_before_the_new_one == [True] and old() is None


def test_contexts() -> None:
    from types import SimpleNamespace as Config

    assert context_of(Config(max_position_embeddings=512)) == 512
    assert context_of(Config(max_position_embeddings=131_072)) == LARGEST_WINDOW
    assert context_of(Config(n_positions=1024)) == 1024
    assert context_of(Config(text_config=Config(max_position_embeddings=256))) == 256
    assert context_of(Config()) == 1024


# From the Hub.


def test_a_model_comes_from_the_hub_with_its_progress(store: ModelStore, hub: FakeHub, base: Path) -> None:
    hub.chunk, hub.chunk_seconds = 4_000, 0.05
    seen: list[float] = []  # of the download: reading the weights into memory begins at nothing again
    store.start(REPO)
    while (status := store.status).state in ("loading", "downloading"):
        if status.state == "downloading" and status.fraction is not None:
            seen.append(status.fraction)
        time.sleep(0.01)
    assert store.wait(60).state == "ready" and store.current().name == REPO
    # The hub's client counts in pieces of 10 MB, so of a model this small whole files: at least two are seen.
    assert seen == sorted(seen) and len(set(seen)) > 1 and 0 <= seen[0] < 1


def test_only_what_the_model_needs_is_fetched(hub: FakeHub, base: Path) -> None:
    files = hub.repos["model", REPO].files
    for extra in ("consolidated.safetensors", "pytorch_model.bin", "optimizer.bin", "onnx/model.safetensors", "a.png"):
        files[extra] = b"x" * 99
    folder = download(REPO, lambda fraction: None)
    assert {path.name for path in folder.iterdir()} == {path.name for path in base.iterdir()}


def test_a_download_can_be_cancelled_and_goes_on_later(store: ModelStore, hub: FakeHub) -> None:
    load(store)
    before = store.current()
    hub.chunk, hub.chunk_seconds = 4000, 0.05
    store.start(REPO)
    while not store.status.fraction:
        time.sleep(0.01)
    began = time.monotonic()
    store.cancel()
    status = store.wait(10)
    assert time.monotonic() - began < 3
    assert (status.state, status.name, status.error) == ("ready", "base", None) and store.current() is before
    hub.chunk_seconds = 0
    assert load(store, REPO).state == "ready"


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "does not accept this token"), (403, "may not read"), (404, "was not found"), (500, "trouble")],
)
def test_what_the_hub_refuses_is_told(store: ModelStore, hub: FakeHub, status: int, said: str) -> None:
    load(store)
    hub.fail("GET", "", status=status)
    found = load(store, REPO)
    assert found.state == "failed" and said in present(found.error).en
    assert store.current().name == "base"


def test_a_repo_that_is_not_there_or_is_no_model_is_told(store: ModelStore, hub: FakeHub) -> None:
    hub.add_repo("alice/notes", {"README.md": b"hello"})
    hub.add_repo("alice/empty", {"config.json": b"{}"})
    assert "was not found" in refused(store, "alice/nothing").en
    assert "no config.json" in refused(store, "alice/notes").en
    assert "no weights" in refused(store, "alice/empty").en
    with pytest.raises(HubError):
        load(store, "alice/nothing")
        store.current()


@pytest.mark.parametrize("how", ["gone", "trouble", "offline"])
def test_a_model_in_the_cache_is_loaded_without_the_hub(
    store: ModelStore, hub: FakeHub, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    assert load(store, REPO).state == "ready"
    if how == "gone":
        unplug(hub)
    elif how == "trouble":
        hub.fail("GET", "", status=503)
        hub.fail("HEAD", "", status=503)
    else:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    status = load(store, REPO)
    assert (status.state, status.error) == ("ready", None)


def test_half_a_model_in_the_cache_is_not_used(store: ModelStore, hub: FakeHub) -> None:
    files = hub.repos["model", REPO].files
    weights = files.pop("model.safetensors")
    files["model-00001-of-00002.safetensors"] = weights
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    files["model.safetensors.index.json"] = json.dumps(index).encode()
    download(REPO, lambda fraction: None)
    unplug(hub)
    assert "cannot be reached" in refused(store, REPO).en
    assert "cannot be reached" in refused(store, "alice/never-seen").en


def test_a_model_that_was_taken_away_is_not_loaded_from_the_cache(store: ModelStore, hub: FakeHub) -> None:
    assert load(store, REPO).state == "ready"
    hub.repos["model", REPO].private = True
    assert "was not found" in refused(store, REPO).en
