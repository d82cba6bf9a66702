"""Push and pull against the fake Hub: what arrives, what comes back, and what is said when it does not."""

import errno
import json
import logging
import shutil
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.adapters.check import check_adapter
from core.adapters.pull import pull_adapter
from core.errors import AppError, HubError, InputError, ModelError
from core.hub import client as hub_module
from core.hub.client import RepoKind, check_repo, push_folder, whoami
from core.hub.errors import TOKENS_PAGE
from tests.helpers.fake_hub import READER, STRANGER, WRITER, FakeHub
from tests.helpers.train_tiny import tiny_base

REPO = "alice/socrates"
PROMPT_CONFIG = {"persona": "Socrates", "description": "Asks.", "examples": [], "template": "model"}


@pytest.fixture
def hub(hub_online: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(time, "sleep", lambda _: None)  # between the client's retries
    with FakeHub() as server:
        yield server


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter made by peft on the tiny model, with weights that change its answers."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    settings = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), settings)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.5)
    folder = tmp_path_factory.mktemp("adapters") / "socrates"
    model.save_pretrained(str(folder), save_embedding_layers=False)
    (folder / "prompt_config.json").write_text(json.dumps(PROMPT_CONFIG), encoding="utf-8")
    run = {"base": str(base), "dataset": {"name": "talk", "source": "[LINE] with Hanako.txt", "train_rows": 3}}
    (folder / "training.json").write_text(json.dumps(run), encoding="utf-8")
    (folder / "README.md").write_text("---\nlibrary_name: peft\n---\n", encoding="utf-8")
    return folder


@pytest.fixture
def adapter(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "adapter"))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Where pulled adapters go; empty, and to be empty again after a failure."""
    folder = tmp_path / "store"
    folder.mkdir()
    return folder


def push(hub: FakeHub, folder: Path, *, repo: str = REPO, token: str = WRITER, kind: RepoKind = "model", **more) -> str:
    return push_folder(folder=folder, repo=repo, kind=kind, token=token, message="Add it", endpoint=hub.url, **more)


def pull(hub: FakeHub, store: Path, *, repo: str = REPO, token: str | None = WRITER) -> Path:
    return pull_adapter(repo=repo, target=store / "mine", token=token, endpoint=hub.url)


def logits(base: Path, adapter: Path | None):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base)
    model = PeftModel.from_pretrained(model, adapter) if adapter else model
    with torch.no_grad():
        return model(torch.arange(20, 60)[None]).logits


def assert_plain(error: AppError, *secrets: str) -> None:
    """A sentence in both languages, with no token in it or in what a log would print of it."""
    assert error.en and error.ja and error.en != error.ja
    printed = "".join(traceback.format_exception(error)) + error.en + error.ja
    for secret in (WRITER, READER, STRANGER, *secrets):
        assert secret not in printed


def test_adapter_comes_back_with_the_same_logits(hub: FakeHub, base: Path, adapter: Path, store: Path) -> None:
    push(hub, adapter)
    back = pull(hub, store)
    assert (logits(base, back) - logits(base, adapter)).abs().max() == 0
    assert (logits(base, back) - logits(base, None)).abs().max() > 0.01
    assert json.loads((back / "prompt_config.json").read_text()) == PROMPT_CONFIG
    assert sorted(p.name for p in store.iterdir()) == ["mine"]
    assert not any(p.name.startswith(".") for p in back.iterdir())


def test_only_the_adapters_own_files_travel(hub: FakeHub, adapter: Path, store: Path) -> None:
    (adapter / "optimizer.pt").write_bytes(b"x")
    (adapter / "events.jsonl").write_text("{}")
    push(hub, adapter)
    repo = hub.repos["model", REPO]
    sent = {"adapter_config.json", "adapter_model.safetensors", "prompt_config.json", "training.json", "README.md"}
    assert set(repo.files) == sent
    assert repo.files["adapter_model.safetensors"] == (adapter / "adapter_model.safetensors").read_bytes()
    repo.files["adapter_model.bin"] = repo.files["model.py"] = b"os.system"
    assert {p.name for p in pull(hub, store).iterdir()} == sent
    assert not [seen for seen in hub.requests if seen.path.endswith((".bin", ".py"))]


def test_what_only_concerns_this_machine_stays(hub: FakeHub, base: Path, adapter: Path) -> None:
    push(hub, adapter)
    files = hub.repos["model", REPO].files
    run, config = json.loads(files["training.json"]), json.loads(files["adapter_config.json"])
    assert run == {"base": "tiny", "dataset": {"name": "talk", "train_rows": 3}}
    assert config["base_model_name_or_path"] == "tiny" and config["r"] == 4
    assert str(base.parent).encode() not in b"".join(files.values())


def test_one_commit_and_none_for_the_same_again(hub: FakeHub, adapter: Path) -> None:
    first = push(hub, adapter, texts={"README.md": "# shown"})
    repo = hub.repos["model", REPO]
    assert repo.messages == ["initial commit", "Add it"]
    assert repo.files["README.md"] == b"# shown"
    assert push(hub, adapter, texts={"README.md": "# shown"}) == first == f"{hub.url}/{REPO}"
    assert len(repo.commits) == 2
    push(hub, adapter, texts={"README.md": "# other"})
    assert len(repo.commits) == 3


@pytest.mark.parametrize(("private", "sent"), [(True, "private"), (False, "public")])
def test_visibility_is_sent(hub: FakeHub, adapter: Path, private: bool, sent: str) -> None:
    push(hub, adapter, private=private)
    asked = [seen.json["visibility"] for seen in hub.requests if seen.path == "/api/repos/create" and seen.json]
    assert asked == [sent]
    assert hub.repos["model", REPO].private is private


def test_private_is_the_default(hub: FakeHub, adapter: Path) -> None:
    push(hub, adapter)
    assert hub.repos["model", REPO].private


def test_a_bare_name_is_the_tokens_users(hub: FakeHub, adapter: Path) -> None:
    lines: list[str] = []
    assert push(hub, adapter, repo="plato", on_progress=lines.append) == f"{hub.url}/alice/plato"
    assert ("model", "alice/plato") in hub.repos
    assert lines[0] == "alice/plato" and any(line.startswith("adapter_model.safetensors (") for line in lines)


def test_data_set(hub: FakeHub, tmp_path: Path) -> None:
    for name in ("train.jsonl", "validation.jsonl", "ledger.jsonl"):
        (tmp_path / name).write_text('{"messages": []}\n')
    address = push(hub, tmp_path, repo="talk", kind="dataset", texts={"README.md": "---\ntags: [omokage]\n---\n"})
    assert address == f"{hub.url}/datasets/alice/talk"
    repo = hub.repos["dataset", "alice/talk"]
    assert repo.private and set(repo.files) == {"train.jsonl", "validation.jsonl", "README.md"}
    push(hub, tmp_path, repo="talk2", kind="dataset", files=["ledger.jsonl"])
    assert set(hub.repos["dataset", "alice/talk2"].files) == {"ledger.jsonl"}


@pytest.mark.parametrize("already_private", [True, False])
def test_a_repository_of_another_visibility_is_left_alone(hub: FakeHub, adapter: Path, already_private: bool) -> None:
    repo = hub.add_repo(REPO, {"adapter_config.json": b"{}"}, private=already_private)
    with pytest.raises(HubError, match="Nothing was uploaded") as caught:
        push(hub, adapter, private=not already_private)
    assert_plain(caught.value)
    assert len(repo.commits) == 2 and repo.private is already_private
    assert not any(seen.method == "PUT" for seen in hub.requests)


def test_a_repository_with_something_else_in_it_is_left_alone(hub: FakeHub, adapter: Path) -> None:
    repo = hub.add_repo(REPO, {"model.gguf": b"x", "README.md": b"mine"}, private=True)
    with pytest.raises(HubError, match=r"model\.gguf"):
        push(hub, adapter)
    assert len(repo.commits) == 2


def test_missing_files_are_named_before_anything_is_asked(hub: FakeHub, adapter: Path) -> None:
    (adapter / "adapter_model.safetensors").unlink()
    with pytest.raises(InputError, match=r"adapter_model\.safetensors"):
        push(hub, adapter)
    for name in ("../secret", "gone.jsonl"):
        with pytest.raises(InputError, match="to push"):
            push(hub, adapter, files=[name])
    (adapter / "prompt_config.json").unlink()
    (adapter / "adapter_model.safetensors").write_bytes(b"x")
    (adapter / "prompt_config.json").symlink_to("/etc/hostname")
    with pytest.raises(InputError, match=r"prompt_config\.json"):
        push(hub, adapter)
    assert hub.requests == []


PUSH_FAILURES = [
    ("POST", "/commit/", {"status": 401, "said": "Invalid credentials"}, "does not accept this token"),
    ("POST", "/preupload/", {"status": 403, "said": "storage limit"}, "storage limit"),
    ("GET", "^/api/models/", {"status": 404}, "not found"),
    ("POST", "/commit/", {"status": 409}, "same moment"),
    ("POST", "/commit/", {"status": 412}, "same moment"),
    ("POST", "/repos/create", {"status": 429, "headers": {"Retry-After": "77"}}, "77 seconds"),
    ("POST", "/objects/batch", {"status": 429}, "a few minutes"),
    ("POST", "/commit/", {"status": 500}, "trouble of its own (500)"),
    ("PUT", "^/lfs/", {"status": 503}, "trouble of its own (503)"),
    ("POST", "validate-yaml", {"status": 400, "said": "bad yaml"}, "bad yaml"),
    ("PUT", "^/lfs/", {"cut": True}, "connection to the Hub was cut"),
    ("POST", "/commit/", {"cut": True}, "connection to the Hub was cut"),
    ("POST", "/repos/create", {"cut": True}, "connection to the Hub was cut"),
]


@pytest.mark.parametrize(("method", "pattern", "what", "words"), PUSH_FAILURES)
def test_a_failed_push_is_a_sentence_and_can_be_repeated(
    hub: FakeHub, adapter: Path, method: str, pattern: str, what: dict, words: str
) -> None:
    hub.fail(method, pattern, **what)
    with pytest.raises(HubError) as caught:
        push(hub, adapter)
    assert words in caught.value.en
    assert_plain(caught.value)
    assert len(getattr(hub.repos.get(("model", REPO)), "commits", [{}])) == 1
    hub.heal()
    push(hub, adapter)
    assert len(hub.repos["model", REPO].commits) == 2


def test_a_short_trouble_is_passed_over(hub: FakeHub, adapter: Path) -> None:
    hub.fail("PUT", "^/lfs/", cut=True, times=1)
    hub.fail("POST", "/objects/batch", status=500, times=1)
    push(hub, adapter)
    assert len(hub.repos["model", REPO].commits) == 2


def test_tokens_that_may_not_write(hub: FakeHub, adapter: Path) -> None:
    for token, repo in ((READER, REPO), (STRANGER, REPO)):
        with pytest.raises(HubError, match="may not write") as caught:
            push(hub, adapter, repo=repo, token=token)
        assert TOKENS_PAGE in caught.value.en and TOKENS_PAGE in caught.value.ja
        assert_plain(caught.value)
    with pytest.raises(HubError, match="does not accept this token") as caught:
        push(hub, adapter, token=WRITER[:-1])
    assert_plain(caught.value, WRITER[:-1])


@pytest.mark.parametrize("token", ["", "  ", "hf_with\nnewline", "面影", "hf_ナ"])
def test_what_is_no_token_is_not_sent(hub: FakeHub, adapter: Path, token: str) -> None:
    with pytest.raises(InputError) as caught:
        push(hub, adapter, token=token)
    assert not token.strip() or token not in caught.value.en + caught.value.ja
    with pytest.raises(InputError):
        whoami(token, endpoint=hub.url)
    assert hub.requests == []


def test_no_network(hub: FakeHub, adapter: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.stop()
    for action in (lambda: push(hub, adapter), lambda: pull(hub, store), lambda: whoami(WRITER, endpoint=hub.url)):
        with pytest.raises(HubError, match="cannot be reached") as caught:
            action()
        assert_plain(caught.value)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match="HF_HUB_OFFLINE"):
        pull(hub, store)
    assert list(store.iterdir()) == []


def test_a_hub_that_never_answers(hub: FakeHub, adapter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(hub_module, "TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(HubError, match="in time") as caught:
        whoami(WRITER, endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert_plain(caught.value)


def test_no_token_but_the_given_one_is_sent(hub: FakeHub, adapter: Path, store: Path, monkeypatch) -> None:
    monkeypatch.setenv("HF_TOKEN", WRITER)
    hub.add_repo(REPO, {p.name: p.read_bytes() for p in adapter.iterdir()})
    pull(hub, store, token=None)
    assert {seen.token for seen in hub.requests} == {None}
    hub.requests.clear()
    push(hub, adapter, repo="bob/s", token=STRANGER)
    assert {seen.token for seen in hub.requests if not seen.path.startswith("/lfs/")} == {STRANGER}


def test_whoami(hub: FakeHub) -> None:
    assert whoami(WRITER, endpoint=hub.url) == "alice"
    assert whoami(f" {STRANGER}\n", endpoint=hub.url) == "bob"
    with pytest.raises(HubError, match="does not accept"):
        whoami("hf_unknown", endpoint=hub.url)


def test_the_token_is_in_no_log(hub: FakeHub, adapter: Path, store: Path, caplog: pytest.LogCaptureFixture) -> None:
    for logger in ("huggingface_hub", ""):
        caplog.set_level(logging.DEBUG, logger=logger)
    push(hub, adapter)
    pull(hub, store)
    hub.fail("POST", "/commit/", status=500, said=f"echo of {WRITER}")
    with pytest.raises(HubError) as caught:
        push(hub, adapter, texts={"README.md": "new"})
    assert "hf_…" in caught.value.en and WRITER not in caught.value.en + caught.value.ja
    assert "/api/models/" in caplog.text  # the client's own requests were logged
    assert WRITER not in caplog.text.replace(f"echo of {WRITER}", "")


PULL_FAILURES = [
    ("GET", "^/api/models/", {"status": 500}, "trouble of its own"),
    ("HEAD", "adapter_model", {"status": 500}, "trouble of its own"),
    ("HEAD", "adapter_model", {"status": 403}, "may not read"),
    ("GET", "/resolve/", {"status": 429}, "slow down"),
    ("GET", "adapter_model", {"cut": True}, "cut"),
    ("HEAD", "/resolve/", {"cut": True}, "cut"),
]


@pytest.mark.parametrize(("method", "pattern", "what", "words"), PULL_FAILURES)
def test_a_failed_pull_leaves_nothing(
    hub: FakeHub, adapter: Path, store: Path, method: str, pattern: str, what: dict, words: str
) -> None:
    push(hub, adapter)
    hub.fail(method, pattern, **what)
    with pytest.raises(HubError) as caught:
        pull(hub, store)
    assert words in caught.value.en
    assert_plain(caught.value)
    assert list(store.iterdir()) == []
    hub.heal()
    assert pull(hub, store).is_dir()


@pytest.mark.parametrize(("repo", "token"), [("alice/none", WRITER), (REPO, STRANGER), (REPO, None)])
def test_what_is_not_there_or_not_to_be_seen(
    hub: FakeHub, adapter: Path, store: Path, repo: str, token: str | None
) -> None:
    push(hub, adapter)
    with pytest.raises(HubError, match="not found") as caught:
        pull(hub, store, repo=repo, token=token)
    assert_plain(caught.value)
    assert list(store.iterdir()) == []


def test_a_full_disk(hub: FakeHub, adapter: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    push(hub, adapter)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(HubError, match="disk is full"):
        patch.setattr("huggingface_hub.file_download.http_get", full)
        pull(hub, store)
    nearly = type("Usage", (), {"free": 1000})
    with monkeypatch.context() as patch, pytest.raises(HubError, match=r"The disk is full \(1\.0 kB free, .+ needed\)"):
        patch.setattr(shutil, "disk_usage", lambda _: nearly)
        pull(hub, store)
    assert list(store.iterdir()) == []


def test_a_pickle_is_refused(hub: FakeHub, adapter: Path, store: Path) -> None:
    hub.add_repo(REPO, {"adapter_config.json": b"{}", "adapter_model.bin": b"pickle"})
    with pytest.raises(ModelError, match=r"adapter_model\.bin is a pickle") as caught:
        pull(hub, store)
    assert_plain(caught.value)
    assert list(store.iterdir()) == []


def test_a_taken_name_keeps_what_is_there(hub: FakeHub, adapter: Path, store: Path) -> None:
    push(hub, adapter)
    (store / "mine").mkdir()
    (store / "mine" / "kept").write_text("x")
    with pytest.raises(InputError, match="already"):
        pull(hub, store)
    assert [p.name for p in (store / "mine").iterdir()] == ["kept"]


@pytest.mark.parametrize(
    "change",
    [
        {"peft_type": "PREFIX_TUNING"}, {"r": 10**6}, {"r": "8"}, {"r": True}, {"lora_alpha": float("nan")},
        {"auto_mapping": {"base_model_class": "system", "parent_library": "os"}}, {"init_lora_weights": "../../x"},
        {"megatron_config": {"x": 1}}, {"megatron_core": "os"}, {"rank_pattern": {"q": 10**9}}, {"lora_dropout": 7},
        {"layer_replication": [[0, 10**9]]}, {"task_type": "SEQ_CLS"},
        {"target_modules": ["(a+)+$"]}, {"exclude_modules": "(a+)+$"}, {"rank_pattern": {"(a+)+": 4}},
        {"modules_to_save": ["lm_head"]}, {"init_lora_weights": "corda"}, {"init_lora_weights": "eva"},
        {"init_lora_weights": "loftq"}, {"init_lora_weights": "pissa"}, {"eva_config": {"rho": 9}}, {"bias": "all"},
        {"loftq_config": {"loftq_bits": 4}}, {"trainable_token_indices": [1]}, {"a_field_of_tomorrow": 1},
    ],
)  # fmt: skip
def test_an_adapter_that_asks_for_too_much_is_refused(hub: FakeHub, adapter: Path, store: Path, change: dict) -> None:
    files = {p.name: p.read_bytes() for p in adapter.iterdir()}
    files["adapter_config.json"] = json.dumps(json.loads(files["adapter_config.json"]) | change).encode()
    hub.add_repo(REPO, files)
    with pytest.raises(ModelError, match=next(iter(change))) as caught:
        pull(hub, store)
    assert_plain(caught.value)
    assert list(store.iterdir()) == []


def test_a_pattern_of_layers_is_never_used(hub: FakeHub, adapter: Path, store: Path) -> None:
    files = {p.name: p.read_bytes() for p in adapter.iterdir()}
    change = {"target_modules": "(a+)+$"}
    files["adapter_config.json"] = json.dumps(json.loads(files["adapter_config.json"]) | change).encode()
    hub.add_repo(REPO, files)
    targets = json.loads((pull(hub, store) / "adapter_config.json").read_text())["target_modules"]
    assert targets and all(target.rpartition(".")[2].isidentifier() for target in targets)


def test_an_adapter_with_broken_files_is_refused(adapter: Path) -> None:
    check_adapter(adapter)
    weights, config = adapter / "adapter_model.safetensors", adapter / "adapter_config.json"
    good, settings = weights.read_bytes(), config.read_bytes()
    for bad in (good[: len(good) // 2], b"", b"\x80\x04pickle", b"\xff" * 8 + b"{}"):
        weights.write_bytes(bad)
        with pytest.raises(ModelError, match=r"adapter_model\.safetensors"):
            check_adapter(adapter)
    weights.write_bytes(good)
    for bad in (b"", b"[]", b"\xff\xfe", b"{" * 5000, settings + b" " * (1 << 20)):
        config.write_bytes(bad)
        with pytest.raises(ModelError, match=r"adapter_config\.json"):
            check_adapter(adapter)
    config.unlink()
    with pytest.raises(ModelError, match=r"adapter_config\.json"):
        check_adapter(adapter)


def test_progress_may_stop_a_push(hub: FakeHub, adapter: Path) -> None:
    class StoppedError(Exception):
        pass

    def stop(line: str) -> None:
        if line.startswith("prompt_config.json"):
            raise StoppedError

    with pytest.raises(StoppedError):
        push(hub, adapter, on_progress=stop)
    assert len(hub.repos["model", REPO].commits) == 1


@pytest.mark.parametrize(
    ("text", "repo"),
    [
        ("socrates", "socrates"), (" alice/so-crates_1.5 ", "alice/so-crates_1.5"), ("a", "a"),
        ("https://huggingface.co/alice/x", "alice/x"), ("https://hf.co/datasets/alice/x/tree/main", "alice/x"),
        ("x" * 96, "x" * 96),
    ],
)  # fmt: skip
def test_names_that_are_repositories(text: str, repo: str) -> None:
    assert check_repo(text) == repo


@pytest.mark.parametrize(
    "text",
    ["", "..", "../alice/evil", "../../etc", "/etc", "-rf", "a/b/c", "x\ny", "CON", "alice/nul.txt", "x" * 97,
     ".hidden", "foo%2f..", "a--b", "a..b", "x.git", "alice/", "面影", "a b", "https://evil.example/alice/x"],
)  # fmt: skip
def test_names_that_are_not(text: str) -> None:
    with pytest.raises(InputError) as caught:
        check_repo(text)
    assert_plain(caught.value)


ASK = """
import json, sys
from pathlib import Path
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
from core.prompt.config import PromptConfig
from core.adapters.pull import pull_adapter
from core.messages import Turn
from core.prompt import render
address, token, base, target = sys.argv[1:]
folder = pull_adapter(repo="alice/socrates", target=Path(target), token=token, endpoint=address)
prompt_config = PromptConfig.from_json(json.loads((folder / "prompt_config.json").read_text(encoding="utf-8")))
tokenizer = AutoTokenizer.from_pretrained(base)
model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), folder)
ids = torch.tensor([render(prompt_config, [Turn("user", ("what is it?",))], tokenizer).ids])
said = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=24,
                      min_new_tokens=24, pad_token_id=0)
print("SAID", json.dumps(said[0, ids.shape[1]:].tolist()))
"""


@pytest.mark.slow
def test_what_is_pulled_in_a_fresh_process_says_the_same(
    hub: FakeHub, trained: Path, base: Path, tmp_path: Path
) -> None:
    import os
    import subprocess
    import sys

    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from core.messages import Turn
    from core.prompt import render
    from core.prompt.config import PromptConfig
    from core.settings import ROOT
    from tests.helpers.adapter_tiny import greedy

    push_folder(folder=trained, repo=REPO, kind="model", token=WRITER, message="m", endpoint=hub.url)
    prompt_config = PromptConfig.from_json(json.loads((trained / "prompt_config.json").read_text(encoding="utf-8")))
    asked = list(render(prompt_config, [Turn("user", ("what is it?",))], AutoTokenizer.from_pretrained(base)).ids)
    plain = AutoModelForCausalLM.from_pretrained(base)
    without = greedy(plain, asked)
    ours = greedy(PeftModel.from_pretrained(plain, trained), asked)
    assert ours != without
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"}
    command = [sys.executable, "-c", ASK, hub.url, WRITER, str(base), str(tmp_path / "pulled")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("SAID")), done.stderr[-2000:])
    assert json.loads(line.removeprefix("SAID ")) == ours
