"""What the app reads from outside, and what a training process is given."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import InputError
from core.settings import (
    PINNED,
    REFUSED,
    ROOT,
    Settings,
    monitor_environment,
    pin_environment,
    wait_briefly,
    worker_environment,
)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A process environment that a test may change."""
    changed = dict(os.environ)
    monkeypatch.setattr(os, "environ", changed)
    return changed


def test_on_ones_own_machine() -> None:
    settings = Settings.from_env({})
    assert settings == Settings(home=ROOT / "workspace")
    assert not (settings.on_space or settings.oauth or settings.ephemeral)


def test_everything_can_be_named(tmp_path: Path) -> None:
    env = {"OMOKAGE_HOME": f"{tmp_path}/x/../home", "OMOKAGE_MODEL": "a/b", "OMOKAGE_MAX_UPLOAD_MB": "7",
           "OMOKAGE_LOCK_MODEL": "1", "GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_SERVER_PORT": "99"}  # fmt: skip
    named = Settings(tmp_path / "home", "a/b", lock_model=True, max_upload_mb=7, host="0.0.0.0", port=99)
    assert Settings.from_env(env) == named
    empty = dict.fromkeys(env, "")
    assert Settings.from_env(empty) == Settings.from_env({})


@pytest.mark.parametrize(
    ("given", "read"),
    [("", None), ("none", ()), ("tensorboard", ("tensorboard",)), ("wandb, trackio,", ("wandb", "trackio"))],
)
def test_monitors_are_named_with_commas(given: str, read: tuple[str, ...] | None) -> None:
    assert Settings.from_env({"OMOKAGE_MONITORS": given}).monitors == read


def test_a_monitor_learns_its_own_settings_and_no_other_secret(environment: dict[str, str]) -> None:
    environment |= {"WANDB_API_KEY": "key", "TRACKIO_DIR": "d", "HF_TOKEN": "hf_secret"}
    told = monitor_environment()
    assert (told["WANDB_API_KEY"], told["TRACKIO_DIR"]) == ("key", "d") and "HF_TOKEN" not in told
    assert "WANDB_API_KEY" not in worker_environment()


def test_sign_in_only_counts_on_a_space(tmp_path: Path) -> None:
    env = {"OMOKAGE_HOME": str(tmp_path), "OAUTH_CLIENT_ID": "x"}
    assert not Settings.from_env(env).oauth
    space = Settings.from_env(env | {"SPACE_ID": "a/b"})
    assert (space.on_space, space.oauth) == (True, True)
    assert not Settings.from_env({"SPACE_ID": "a/b"}).oauth


@pytest.mark.parametrize("given", ["many", "-1", "0", "1.5", "²"])
@pytest.mark.parametrize("name", ["OMOKAGE_MAX_UPLOAD_MB", "OMOKAGE_MAX_MESSAGE", "GRADIO_SERVER_PORT"])
def test_a_number_that_is_none_is_told(name: str, given: str) -> None:
    with pytest.raises(InputError, match=f"{name} is “{given}”"):
        Settings.from_env({name: given})


def test_libraries_find_a_pinned_environment(environment: dict[str, str], tmp_path: Path) -> None:
    environment |= dict.fromkeys(REFUSED, "1") | {"HF_HUB_DISABLE_IMPLICIT_TOKEN": "0"}
    pin_environment(tmp_path)
    assert not set(REFUSED) & set(environment)
    assert {name: environment[name] for name in PINNED} == PINNED
    assert environment["GRADIO_TEMP_DIR"] == str(tmp_path / "cache")


def test_the_libraries_read_what_was_pinned(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path; from core.settings import pin_environment; pin_environment(Path.cwd() / 'home');"
        "from huggingface_hub import constants as read;"
        "print(read.HF_HUB_DISABLE_IMPLICIT_TOKEN, read.HF_HUB_DISABLE_TELEMETRY)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True,
                          env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)})  # fmt: skip
    assert done.stdout.split() == ["True", "True"], done.stderr


def test_a_training_process_is_told_no_secret(environment: dict[str, str]) -> None:
    secrets = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET",
               "OPENID_PROVIDER_URL", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "MY_PASSWORD", "SPACE_ID",
               "GRADIO_SHARE")  # fmt: skip
    useful = {"PATH": "/bin", "HOME": "/home/x", "HF_HOME": "/hf", "XDG_CACHE_HOME": "/cache",
              "CUDA_VISIBLE_DEVICES": "1", "HF_HUB_OFFLINE": "1"}  # fmt: skip
    environment |= dict.fromkeys(secrets, "s3cret") | useful
    told = worker_environment()
    assert not set(secrets) & set(told) and "s3cret" not in told.values()
    assert {name: told[name] for name in useful} == useful
    assert {name: told[name] for name in PINNED} == PINNED


def test_a_training_process_can_import_the_app(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", "import core.messages"], cwd=tmp_path, env=worker_environment())
    assert done.returncode == 0


def test_threads_soon_sleep_while_they_wait_unless_somebody_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    assert worker_environment()["GOMP_SPINCOUNT"] == "10000"
    wait_briefly()
    assert os.environ["GOMP_SPINCOUNT"] == "10000"
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    wait_briefly()
    assert os.environ["GOMP_SPINCOUNT"] == worker_environment()["GOMP_SPINCOUNT"] == "7"
    monkeypatch.delenv("GOMP_SPINCOUNT")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    wait_briefly()
    assert "GOMP_SPINCOUNT" not in os.environ and "GOMP_SPINCOUNT" not in worker_environment()
