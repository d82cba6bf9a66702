"""`python -m core.train CONFIG.yaml`: a run without the page."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from core.adapters.store import Adapter
from core.errors import InputError
from core.files import read_json, write_json
from core.settings import ROOT
from core.train.__main__ import prepare, read_order
from core.train.config.run_file import settings_in, to_command
from tests.helpers.train_tiny import talks, tiny_base, write_dataset
from tests.helpers.typed import present

SETTINGS = {"learning_rate": 0.01, "epochs": 1, "rank": 4, "batch_size": 4, "max_length": 200}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    tiny_base(tmp_path / "base")
    write_dataset(tmp_path / "talks", talks(12), talks(3))
    write_json(tmp_path / "talks" / "dataset.json", {"persona": "Mika", "description": "You are Mika."})
    return tmp_path


def written(home: Path, **changes: object) -> Path:
    value = {"base": "base", "dataset": "talks", "output": "out", "settings": SETTINGS} | changes
    path = home / "config.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in value.items() if v is not None}), encoding="utf-8")
    return path


def run(path: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "core.train", str(path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170)


def test_a_run_leaves_everything_and_another_look_changes_nothing(home: Path) -> None:
    path = written(home)
    done = run(path)
    assert done.returncode == 0, done.stderr
    assert "step 3 of 3: loss" in done.stdout and "bits per byte" in done.stdout
    out = home / "out"
    metrics = read_json(out / "metrics.json")
    assert metrics["validation_bpb_after"] < metrics["validation_bpb_before"]
    assert metrics["tokens_per_second"] > 0 and metrics["peak_memory_bytes"] > 50_000_000
    adapter = Adapter.read(out / "adapter")
    prompt_config = present(adapter.prompt_config)
    assert (prompt_config.persona, prompt_config.description) == ("Mika", "You are Mika.")
    assert (out / "events.jsonl").is_file()
    again = read_order([str(out / "config.yaml")])  # what it wrote is an order of its own
    assert again.spec == read_order([str(path)]).spec and prepare(again).path == out


def test_what_is_left_out_is_advised(home: Path) -> None:
    order = read_order([str(written(home, settings={"rank": 3}))])
    assert order.spec.config.rank == 3 and order.spec.config.learning_rate != 0.01
    assert order.spec.base == str(home / "base") and order.output == home / "out"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dataset": None}, "dataset is missing"),
        ({"dataset": "nowhere"}, "no train.jsonl"),
        ({"bases": "x"}, "bases is not known"),
        ({"settings": {"rnak": 3}}, "rnak"),
        ({"settings": {"rank": 0}}, "rank = 0"),
        ({"base": "../nothing"}, "nothing"),
        ({"window": "long"}, "window is 'long'"),
        ({"window": -2}, "window is -2"),
    ],
)
def test_what_cannot_be_used_is_named(home: Path, changes: dict, said: str) -> None:
    from core.errors import AppError

    with pytest.raises(AppError, match=said):
        read_order([str(written(home, **changes))])


def test_a_file_that_is_no_yaml_is_told(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("a: [", encoding="utf-8")
    done = run(tmp_path / "c.yaml")
    assert done.returncode == 1 and "cannot be read" in done.stderr and "Traceback" not in done.stderr


def test_a_run_of_other_settings_is_not_overwritten(home: Path) -> None:
    prepare(read_order([str(written(home))]))
    with pytest.raises(InputError, match="other settings"):
        prepare(read_order([str(written(home, settings=SETTINGS | {"rank": 5}))]))


def test_a_command_line_says_what_a_file_says(home: Path) -> None:
    by_file = read_order([str(written(home, persona="葵 さん", user="私"))])
    words = shlex.split(to_command(by_file, SETTINGS))
    assert words[:3] == ["python", "-m", "core.train"]
    assert read_order(words[3:]) == by_file


def test_what_stands_on_the_command_line_counts_more_than_the_file(home: Path) -> None:
    order = read_order([str(written(home)), "rank=3", "learning_rate=1e-4", "rslora=true", "--persona", "Ken"])
    config = order.spec.config
    assert (config.rank, config.learning_rate, config.rslora, config.epochs) == (3, 1e-4, True, SETTINGS["epochs"])
    assert order.spec.prompt_config.persona == "Ken"
    with pytest.raises(InputError, match="rank = 'many'"):
        read_order([str(written(home)), "rank=many"])


def test_settings_are_read_from_a_whole_file_and_from_a_bare_one(home: Path) -> None:
    assert settings_in(written(home).read_text(encoding="utf-8")) == SETTINGS
    assert settings_in("learning_rate: 1e-4\nrank: 8") == {"learning_rate": 1e-4, "rank": 8}
    for wrong in ("", "- 1", "a: [", "rnak: 3", "settings: 3", "x: 1\n" * 60_000):
        with pytest.raises(InputError):
            settings_in(wrong)


def test_going_on_takes_the_adapters_shape_and_refuses_another_base(home: Path) -> None:
    adapter = home / "mika-01"
    adapter.mkdir()
    (adapter / "adapter_model.safetensors").touch()
    shape = {"r": 4, "lora_alpha": 8, "target_modules": ["v_proj", "q_proj"], "use_rslora": True}
    write_json(adapter / "adapter_config.json", shape | {"base_model_name_or_path": "someone/base"})
    order = read_order([str(written(home, start_from="mika-01", settings=SETTINGS | {"rank": 16}))])
    config = order.spec.config
    assert (config.rank, config.alpha, config.target, config.rslora) == (4, 8, "q_proj, v_proj", True)
    assert config.learning_rate == SETTINGS["learning_rate"] and order.start == adapter
    assert (prepare(order).start / "adapter_config.json").is_file()
    write_json(adapter / "adapter_config.json", shape | {"base_model_name_or_path": "someone/else"})
    with pytest.raises(InputError, match="trained on someone/else"):
        read_order([str(written(home, start_from="mika-01"))])
