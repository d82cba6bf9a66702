"""Settings from the environment. The only module that reads it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.errors import InputError
from core.limits import LOCAL, PUBLIC, Limits, limits_in

ROOT = Path(__file__).resolve().parent.parent

# Set before gradio and huggingface_hub are imported: no telemetry, and no silent use of the
# server's own Hub token for what a visitor asks.
PINNED = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
}
# torch's threads (libgomp's, on Linux) spin while they wait for each other. Beside other busy processes, as a talk is
# beside a training, that takes the processor from the one they wait for: 60 steps of eight layers took 4 to 14 s where
# two cores had five busy processes, 1.8 to 3.2 s with one; with this 1.3 to 1.5 s in both. Alone on two cores it costs
# nothing that could be measured; asleep at once (OMP_WAIT_POLICY=PASSIVE), a token of small layers took 4 times as
# long.
# What somebody set of it stays.
WAITING = {"GOMP_SPINCOUNT": "10000"}
# Gradio would act on these behind the app's back: serve folders, open a tunnel, add endpoints.
REFUSED = (
    "GRADIO_ALLOWED_PATHS",
    "GRADIO_SHARE",
    "GRADIO_MCP_SERVER",
    "GRADIO_VIBE_MODE",
    "GRADIO_WATCH_DIRS",
    "GRADIO_HISTORY_BUCKET",
)


@dataclass(frozen=True)
class Settings:
    """Where things live and what this server is allowed to do."""

    home: Path
    """Everything the app writes: owners' things, jobs, the upload cache."""
    model: str | None = None
    """Hub id or folder of the model to start with; None is the embedded one."""
    lock_model: bool | None = None
    """Visitors talk with the model the server started with; none can load another for everybody. None: where others
    than the person at this machine come."""
    remote_code: bool = False
    """The person at this machine may tick that a model's own code is run; said on the command line alone."""
    on_space: bool = False
    """Running on Hugging Face Spaces: identity comes from OAuth, never from the server's token."""
    oauth: bool = False
    """Sign-in with Hugging Face is configured (only ever on a Space)."""
    ephemeral: bool = False
    """What is written is gone when the server restarts (a Space without a bucket)."""
    remote_servers: tuple[str, ...] = ()
    """Bases of the OpenAI-compatible servers that may be talked with; empty: any, but none where strangers come."""
    monitors: tuple[str, ...] | None = None
    """What shows the curves of trainings beside the page (`core.train.queue.monitors`); None is what is installed."""
    auth: tuple[str, ...] = field(default=(), repr=False)
    """Who may log in, each as "name:password"; empty: no login."""
    allowed_hosts: tuple[str, ...] = ()
    """Names that the server may be asked under besides localhost and addresses, as behind a proxy; "*" is any."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses, or networks as in 10.0.0.0/8, whose word on who asks (X-Forwarded-For) is taken."""
    price_per_hour: float = 0.0
    """What the machine costs, for the status bar (`core.costs`); 0 is not known."""
    currency: str = "$"
    cost_warning: float = 0.0
    idle_minutes: int = 0
    """After so long without use the app ends (`core.idle`); 0 is never."""
    max_upload_mb: int = 200
    max_message: int = 8000
    """Characters of one message."""
    limits: Mapping[str, int] = field(default_factory=dict)
    """What is set of `core.limits.Limits`; see `limits_for`."""
    host: str = "127.0.0.1"
    port: int = 7860

    def limits_for(self, public: bool) -> Limits:
        """What a visitor may use: more than enough for one person, less where strangers come."""
        return replace(PUBLIC if public else LOCAL, **self.limits)

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> "Settings":
        """Read OMOKAGE_HOME, _MODEL, _LOCK_MODEL, _MONITORS, _MAX_UPLOAD_MB, _REMOTE_SERVERS, _MAX_MESSAGE,
        _PRICE_PER_HOUR, _CURRENCY, _COST_WARNING, _IDLE_MINUTES, _LIMIT_…, _ALLOWED_HOSTS, _TRUSTED_PROXIES, _AUTH,
        _AUTH_FILE, GRADIO_SERVER_NAME, _PORT and what Spaces sets.

        Raises InputError for a number that is none.
        """
        on_space = bool(env.get("SPACE_ID"))
        return cls(
            home=home_of(env),
            model=env.get("OMOKAGE_MODEL") or None,
            lock_model=_switch(env, "OMOKAGE_LOCK_MODEL"),
            on_space=on_space,
            oauth=on_space and bool(env.get("OAUTH_CLIENT_ID")),
            ephemeral=on_space and not _bucket_kept(),
            remote_servers=_list(env, "OMOKAGE_REMOTE_SERVERS"),
            # Spaces is public anyway, and its proxy decides which names lead there.
            allowed_hosts=(*_list(env, "OMOKAGE_ALLOWED_HOSTS"), *(_list(env, "SPACE_HOST", "*") if on_space else ())),
            auth=_people(env),
            trusted_proxies=_list(env, "OMOKAGE_TRUSTED_PROXIES"),
            monitors=_words(env["OMOKAGE_MONITORS"]) if env.get("OMOKAGE_MONITORS") else None,
            price_per_hour=_amount(env, "OMOKAGE_PRICE_PER_HOUR"),
            currency=env.get("OMOKAGE_CURRENCY", "").strip()[:8] or "$",
            cost_warning=_amount(env, "OMOKAGE_COST_WARNING"),
            idle_minutes=_number(env, "OMOKAGE_IDLE_MINUTES", 0),
            max_upload_mb=_number(env, "OMOKAGE_MAX_UPLOAD_MB", 200),
            max_message=_number(env, "OMOKAGE_MAX_MESSAGE", 8000),
            limits=limits_in(env),
            host=env.get("GRADIO_SERVER_NAME") or "127.0.0.1",
            port=_number(env, "GRADIO_SERVER_PORT", 7860),
        )


BUCKET = Path("/data")
ON, OFF = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def home_of(env: Mapping[str, str]) -> Path:
    """Where the app writes: OMOKAGE_HOME, else the bucket of a Space, else the folder workspace beside the code."""
    on_space = bool(env.get("SPACE_ID"))
    home = env.get("OMOKAGE_HOME") or (BUCKET / "omokage" if on_space and _bucket_kept() else ROOT / "workspace")
    return Path(home).expanduser().resolve()


def _bucket_kept() -> bool:
    return BUCKET.is_dir() and os.access(BUCKET, os.W_OK)


def _people(env: Mapping[str, str]) -> tuple[str, ...]:
    """OMOKAGE_AUTH, and the lines of OMOKAGE_AUTH_FILE. Raises InputError for a file that cannot be read."""
    one, path = env.get("OMOKAGE_AUTH", ""), env.get("OMOKAGE_AUTH_FILE")
    return tuple(checked_person(person) for person in ([one] if one else [])) + (people_in(path) if path else ())


def people_in(path: str | Path) -> tuple[str, ...]:
    """Who may log in by a file: a line each, "name:password". Raises InputError where it cannot be read."""
    try:
        lines = Path(path).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The file of passwords “{path}” cannot be read ({error}).",
                         f"パスワードのファイル「{path}」を読めません（{error}）。") from error  # fmt: skip
    found = tuple(checked_person(line) for line in lines if line.strip())
    if not found:
        raise InputError(f"The file of passwords “{path}” is empty. Write name:password into it.",
                         f"パスワードのファイル「{path}」は空です。「名前:パスワード」と書いてください。")  # fmt: skip
    return found


def checked_person(person: str) -> str:
    """ "name:password", without spaces around the name. Raises InputError, which does not quote it, for other text."""
    name, _, password = person.partition(":")
    if not (name.strip() and password):
        raise InputError(
            "A login is a name and a password with a colon between them, such as me:secret.",
            "ログインは me:secret のように、名前とパスワードをコロンでつないで書いてください。",
        )
    return f"{name.strip()}:{password}"


def _list(env: Mapping[str, str], name: str, *more: str) -> tuple[str, ...]:
    """What is written with commas or spaces between, and `more`."""
    return (*env.get(name, "").replace(",", " ").split(), *more)


def _words(text: str) -> tuple[str, ...]:
    """What is written between commas; "none" is nothing."""
    return tuple(word for part in text.split(",") if (word := part.strip()) not in ("", "none"))


def _switch(env: Mapping[str, str], name: str) -> bool | None:
    """On or off; None where nothing is said. Raises InputError for anything else."""
    given = env.get(name, "").strip().lower()
    if given in ("", *ON, *OFF):
        return given in ON if given else None
    raise InputError(f"{name} is “{given}”; it has to be 1 or 0.", f"{name} が「{given}」です。1 か 0 にしてください。")


def _number(env: Mapping[str, str], name: str, default: int) -> int:
    """A positive whole number. Raises InputError for anything else."""
    if not (given := env.get(name)):
        return default
    if not (given.isascii() and given.isdigit() and int(given) > 0):
        raise InputError(f"{name} is “{given}”; it has to be a whole number above 0.",
                         f"{name} が「{given}」です。1 以上の整数にしてください。")  # fmt: skip
    return int(given)


def _amount(env: Mapping[str, str], name: str) -> float:
    """A sum of money; 0 where nothing is said. Raises InputError for anything else."""
    given = env.get(name) or "0"
    try:
        found = float(given)
    except ValueError:
        found = -1.0
    if not 0 <= found < 1e9:
        raise InputError(f"{name} is “{given[:40]}”; it has to be a number such as 0.35.",
                         f"{name} が「{given[:40]}」です。0.35 のような数にしてください。")  # fmt: skip
    return found


def wait_briefly() -> None:
    """Let torch's threads fall asleep soon while they wait for each other; call before torch is imported."""
    if "OMP_WAIT_POLICY" in os.environ:
        return
    for name, value in WAITING.items():
        os.environ.setdefault(name, value)


def pin_environment(home: Path, trusted_proxies: tuple[str, ...] = ()) -> None:
    """Fix what the libraries read from the environment; call before importing them.

    uvicorn would believe any program on this machine, a share tunnel's among them, about who asks.
    """
    for name in REFUSED:
        os.environ.pop(name, None)
    proxies = ",".join(trusted_proxies)
    wait_briefly()
    os.environ.update(PINNED, GRADIO_TEMP_DIR=str(home / "cache"), FORWARDED_ALLOW_IPS=proxies)


def terminal_language(env: Mapping[str, str] = os.environ) -> str:
    """ "ja" or "en": what the terminal speaks."""
    spoken = env.get("LC_ALL") or env.get("LC_MESSAGES") or env.get("LANG") or ""
    return "ja" if spoken.startswith("ja") else "en"


# What a training process needs to run and to find the Hub's cache. No token and no OAUTH_* is here.
WORKER = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "VIRTUAL_ENV", "LD_LIBRARY_PATH",
    "SYSTEMROOT", "USERPROFILE", "USERNAME", "APPDATA", "LOCALAPPDATA",
    "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_ENDPOINT", "HF_HUB_DISABLE_XET",
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME",
)  # fmt: skip
MONITOR_PREFIXES = ("WANDB_", "TRACKIO_")
WORKER_PREFIXES = ("CUDA_", "NVIDIA_", "HIP_", "ROCR_", "HSA_", "PYTORCH_")


def visible_gpus() -> tuple[str, ...]:
    """The GPUs that this server was given, by the names it was given them; () when it has them all."""
    return _words(os.environ.get("CUDA_VISIBLE_DEVICES", ""))


def launched_processes() -> int:
    """How many processes `torchrun` or `accelerate launch` started for one training; 1 without them."""
    return int(os.environ.get("WORLD_SIZE", 1))


def launched_rank() -> int:
    """Which one of them this is, from 0 on."""
    return int(os.environ.get("RANK", 0))


def worker_environment() -> dict[str, str]:
    """The environment of a training process: what it needs to run, the app's home, and no secret."""
    home = {"OMOKAGE_HOME": str(home_of(os.environ))}  # a Space's own is told apart by names that it does not get
    kept = {k: v for k, v in os.environ.items() if k in WORKER or k.startswith(WORKER_PREFIXES)}
    waiting = {} if "OMP_WAIT_POLICY" in kept else WAITING
    own = {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), "TOKENIZERS_PARALLELISM": "false"}
    return waiting | kept | home | PINNED | own


def monitor_environment() -> dict[str, str]:
    """The same, and what trackio and wandb read: where to, and as whom."""
    return worker_environment() | {k: v for k, v in os.environ.items() if k.startswith(MONITOR_PREFIXES)}
