"""An export is a full model that any program loads and that answers as base and adapter do."""

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from core.adapters.store import Adapter
from core.errors import AppError, InputError
from core.export.folder import export
from core.export.run import export_in_process, zipped
from core.messages import Turn, to_chat_messages
from core.prompt import render, stop_criteria
from tests.helpers.adapter_tiny import TEMPLATED, greedy, tiny_adapter
from tests.helpers.train_tiny import tiny_base

TURNS = [
    Turn("user", ("hey, question 3", "are you there?")),
    Turn("assistant", ("うん",)),
    Turn("user", ("what is it?",)),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("export") / "base")


@pytest.fixture(scope="module")
def adapter(base: Path) -> Adapter:
    return tiny_adapter(base.parent / "mika", base)


def test_the_full_model_answers_as_base_and_adapter(base: Path, adapter: Adapter, tmp_path: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    into = tmp_path / "out"
    export(adapter, str(base), into)
    tokenizer = AutoTokenizer.from_pretrained(into / "model")
    theirs = AutoModelForCausalLM.from_pretrained(into / "model")
    plain = AutoModelForCausalLM.from_pretrained(base)
    prompt = render(TEMPLATED, TURNS, AutoTokenizer.from_pretrained(base))
    asked = tokenizer.apply_chat_template(to_chat_messages(TURNS), add_generation_prompt=True)["input_ids"]
    assert asked == list(prompt.ids)
    said = greedy(theirs, asked)
    assert said != greedy(plain, asked)
    assert said == greedy(PeftModel.from_pretrained(plain, adapter.folder), asked)
    assert theirs.generation_config.eos_token_id == list(stop_criteria(TEMPLATED, tokenizer).token_ids)
    names = {path.name for path in into.iterdir()}
    assert names == {"model", "adapter", "Modelfile", "README.md", "chat_template.jinja"}
    assert (into / "model" / "model.safetensors").is_file() and not list(into.rglob("*.bin"))
    readme = (into / "README.md").read_text(encoding="utf-8")
    assert "<|im_end|>" in readme and "--max-lora-rank 4" in readme and str(base) not in readme


def test_an_adapter_without_a_contract_is_refused(base: Path, tmp_path: Path) -> None:
    bare = tiny_adapter(tmp_path / "bare", base, prompt_config=None)
    with pytest.raises(InputError, match=r"no prompt_config\.json"):
        export(bare, str(base), tmp_path / "out")


def test_the_process_tells_its_stages_and_what_is_wrong(base: Path, adapter: Adapter, tmp_path: Path) -> None:
    stages: list[str] = []
    folder = export_in_process(adapter, tmp_path / "out", stages.append)
    assert stages == ["reading", "merging", "writing"]
    archive = zipfile.ZipFile(zipped(folder, tmp_path / "out.zip", stages.append))
    assert {"out/Modelfile", "out/model/model.safetensors"} <= set(archive.namelist())
    lost = replace(adapter, base=str(tmp_path / "nowhere"))
    with pytest.raises(AppError, match="no such folder"):
        export_in_process(lost, tmp_path / "other", stages.append)


def test_the_process_ends_when_nobody_waits_any_more(adapter: Adapter, tmp_path: Path) -> None:
    def leave(stage: str) -> None:
        raise InputError(stage, stage)

    with pytest.raises(InputError, match="reading"):
        export_in_process(adapter, tmp_path / "out", leave)
    assert not (tmp_path / "out" / "README.md").exists()
