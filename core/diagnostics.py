"""What of a machine stands in the way of the app: Python, packages, GPU, memory, disk, model, port, and who may come.

Each check says what it found. "bad" is what the app cannot start or answer with, "note" what it goes on without.
Packages are imported only after they were found: this runs on a bare Python, too.
"""

import re
import shutil
import socket
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Literal

from core.catalogue.bundled import FOLDER, NAME
from core.errors import AppError
from core.settings import ROOT, Settings
from core.text import Text, format_bytes

if TYPE_CHECKING:
    from core.models.sizing.requirements import ModelRequirements

FindingState = Literal["ok", "note", "bad"]
MARKS: dict[FindingState, str] = {"ok": "ok  ", "note": "note", "bad": "BAD "}
OLDEST_PYTHON = (3, 10)
PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]*")
LITTLE_DISK = 2_000_000_000  # bytes: below it a model and a training's checkpoints find no room


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: Text
    state: FindingState
    en: str
    ja: str

    def line(self, language: str) -> str:
        return f"{MARKS[self.state]} {self.what.in_language(language)}: {Text(self.en, self.ja).in_language(language)}"


def diagnose(settings: Settings, *, host: str, port: int) -> Iterator[Finding]:
    """All checks, the quick ones first, each given as soon as it is known; port 0 is none to look at."""
    yield python()
    installed = list(packages())
    yield from installed
    yield home(settings)
    yield disk(settings)
    if port:
        yield listening(host, port)
    if not any(finding.state == "bad" for finding in installed):
        yield device()
        yield model(settings)
    if settings.on_space:
        yield from space(settings)


def python() -> Finding:
    """Whether this Python is new enough."""
    here = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        return Finding(PYTHON, "bad", f"{here}; 3.10 or newer is needed", f"{here}。3.10 以上が必要です")
    return Finding(PYTHON, "ok", here, here)


PYTHON, PACKAGES, EXTRAS = Text("Python", "Python"), Text("packages", "パッケージ"), Text("extras", "追加パッケージ")
HOME, DISK, PORT = Text("folder", "保存先"), Text("disk", "ディスク"), Text("port", "ポート")
DEVICE, MODEL = Text("device", "計算する装置"), Text("model", "モデル")
STORAGE, SIGN_IN = Text("storage", "ストレージ"), Text("sign-in", "サインイン")


def packages(root: Path = ROOT) -> Iterator[Finding]:
    """What of requirements.txt is missing or of another version, and what of the extras is missing."""
    wanted = _lines(root / "requirements.txt")
    missing = [name for name in wanted if not _installed(name)]
    if missing:
        names = ", ".join(missing)
        yield Finding(
            PACKAGES,
            "bad",
            f"missing: {names}. Run: pip install -r requirements.txt",
            f"足りません: {names}。pip install -r requirements.txt を実行してください",
        )
    elif other := _out_of_range(wanted.values()):
        names = ", ".join(other)
        yield Finding(PACKAGES, "note", f"not a version that was tried: {names}", f"試していない版です: {names}")
    else:
        yield Finding(PACKAGES, "ok", "all there", "そろっています")
    if lacking := [name for name in _lines(root / "requirements-extra.txt") if not _installed(name)]:
        names = ", ".join(lacking)
        yield Finding(
            EXTRAS,
            "note",
            f"not installed: {names}; requirements-extra.txt says what each opens",
            f"入っていません: {names}。何に使うかは requirements-extra.txt にあります",
        )


def _lines(file: Path) -> dict[str, str]:
    """The lines of a file of requirements, by the name of the package."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    asked = [line.partition("#")[0].strip() for line in lines]
    return {found[0]: line for line in asked if (found := PACKAGE.match(line))}


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def _out_of_range(lines: Iterable[str]) -> list[str]:
    from packaging.requirements import Requirement

    asked = [(each.name, each.specifier) for each in map(Requirement, lines)]
    return [f"{name} {here}" for name, range_ in asked if not range_.contains(here := version(name), prereleases=True)]


def home(settings: Settings) -> Finding:
    """Whether what people make can be written."""
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=settings.home):
            pass
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return Finding(
            HOME,
            "bad",
            f"nothing can be written in {settings.home} ({reason}). Let this user write there, or set OMOKAGE_HOME",
            f"{settings.home} に書き込めません（{reason}）。権限を直すか、OMOKAGE_HOME で別の場所を指定してください",
        )
    return Finding(HOME, "ok", f"{settings.home}", f"{settings.home}")


def disk(settings: Settings) -> Finding:
    """How much room is left where the app writes."""
    place = next(path for path in (settings.home, *settings.home.parents) if path.exists())
    free = shutil.disk_usage(place).free
    room = format_bytes(free)
    if free < LITTLE_DISK:
        return Finding(
            DISK,
            "note",
            f"{room} are free: little for another model or a training",
            f"空きは {room} です。別のモデルや学習には足りないかもしれません",
        )
    return Finding(DISK, "ok", f"{room} are free", f"空きは {room} です")


def listening(host: str, port: int) -> Finding:
    """Whether the port is to be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return Finding(
            PORT,
            "bad",
            f"{host}:{port} cannot be listened on ({reason}). End what uses it, or choose another: --port {port + 1}",
            f"{host}:{port} で待ち受けできません（{reason}）。"
            f"使っているものを終えるか、--port {port + 1} のように変えてください",
        )
    return Finding(PORT, "ok", f"{host}:{port} is free", f"{host}:{port} は空いています")


def device() -> Finding:
    """What models would run on; a GPU that torch cannot use is said."""
    import psutil

    from core.models.sizing.machine import this_machine

    try:
        import torch

        cuda, apple = torch.cuda.is_available(), torch.backends.mps.is_available()
    except (OSError, AttributeError) as error:
        reason = f"{type(error).__name__}: {str(error)[:200]}"
        return Finding(DEVICE, "bad", f"torch does not load ({reason})", f"torch を読み込めません（{reason}）")
    if cuda:
        names = ", ".join(
            f"{torch.cuda.get_device_name(n)} ({format_bytes(torch.cuda.get_device_properties(n).total_memory)})"
            for n in range(torch.cuda.device_count())
        )
        return Finding(DEVICE, "ok", f"CUDA {torch.version.cuda}: {names}", f"CUDA {torch.version.cuda}: {names}")
    if this_machine().vram is not None:
        return Finding(
            DEVICE,
            "note",
            f"there is an NVIDIA GPU, and torch {torch.__version__} does not use it: it is a build for the CPU, or the "
            "driver is too old for it",
            f"NVIDIA の GPU がありますが、torch {torch.__version__} からは使えません。CPU 版の torch か、"
            "ドライバーが古い可能性があります",
        )
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    ram = format_bytes(this_machine().ram)
    if apple:
        return Finding(DEVICE, "ok", f"Apple GPU, {ram} of memory", f"Apple の GPU、メモリー {ram}")
    return Finding(
        DEVICE, "ok", f"no GPU; CPU with {cores} cores, {ram} of memory", f"GPU なし。CPU {cores} コア、メモリー {ram}"
    )


def model(settings: Settings) -> Finding:
    """Whether the first model can be had and finds room; of the Hub's its small text files alone are fetched."""
    name = settings.model or NAME
    if settings.model in (None, NAME):
        there = (FOLDER / "config.json").is_file() and any(FOLDER.glob("*.safetensors"))
        if there:
            return Finding(MODEL, "ok", f"{name}, which comes with the app", f"{name}（同梱のモデル）")
        return Finding(
            MODEL,
            "bad",
            f"{name} is not whole in {FOLDER}; get the repository again, with its large files",
            f"{FOLDER} の {name} が欠けています。大きなファイルも含めて入手し直してください",
        )
    from core.models.gguf.names import names_gguf
    from core.models.gguf.packages import llama_cpp
    from core.models.sizing.requirements import inspect_model

    try:
        if names_gguf(name):
            llama_cpp()
            return Finding(MODEL, "ok", f"{name}, by llama.cpp", f"{name}（llama.cpp で動かします）")
        return _room(name, inspect_model(name, local_folders=True))
    except AppError as error:
        return Finding(MODEL, "bad", f"{name}: {error.en}", f"{name}: {error.ja}")


def _room(name: str, needs: "ModelRequirements") -> Finding:
    from core.catalogue.catalogue import Bits
    from core.models.sizing.machine import fits, this_machine
    from core.models.sizing.requirements import QUANTIZATIONS

    machine = this_machine()
    held: dict[str, Bits] = {kind: bits for bits, kind in QUANTIZATIONS.items()}
    bits = held[needs.best(machine)]
    need = needs.memory(bits)
    if need is None:
        return Finding(MODEL, "ok", f"{name}; how much memory it takes is not known", f"{name}（必要なメモリーは不明）")
    sizes, memory = format_bytes(need), format_bytes(machine.memory)
    said = Text(
        f"{name} takes about {sizes} in {bits} bits; here are {memory}",
        f"{name} には {bits} ビットで約 {sizes} 必要です（ここにあるのは {memory}）",
    )
    state: dict[str, FindingState] = {"fits": "ok", "tight": "note"}
    return Finding(MODEL, state.get(fits(need, machine), "bad"), *said)


def space(settings: Settings) -> Iterator[Finding]:
    """What a Space of Hugging Face should have."""
    if settings.ephemeral:
        yield Finding(
            STORAGE,
            "note",
            "none: what visitors make is gone when the Space restarts. Attach a bucket at /data in its settings",
            "ありません。再起動すると、作ったものは消えます。Space の設定で /data にバケットを付けてください",
        )
    else:
        yield Finding(STORAGE, "ok", "kept in /data", "/data に残ります")
    if settings.oauth:
        yield Finding(SIGN_IN, "ok", "with Hugging Face", "Hugging Face のアカウントで")
    else:
        yield Finding(
            SIGN_IN,
            "note",
            "none: the README's header lacks hf_oauth: true",
            "ありません。README の先頭に hf_oauth: true がありません",
        )


def report(settings: Settings, *, host: str, port: int, language: str) -> int:
    """Print every finding as it comes. Returns the exit status: 0, or 1 where something is bad."""
    bad = 0
    for finding in diagnose(settings, host=host, port=port):
        print(finding.line(language), flush=True)
        bad += finding.state == "bad"
    end = Text(
        "Nothing stands in the way." if not bad else f"{bad} of these stand in the way.",
        "動かすのに支障はありません。" if not bad else f"支障のあるものが {bad} 件あります。",
    )
    print(end.in_language(language))
    return 1 if bad else 0
