"""An export in a process of its own, watched and, where nobody waits for it any more, ended."""

import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

from core.adapters.store import Adapter
from core.catalogue.bundled import located
from core.errors import AppError, ModelError
from core.settings import ROOT, worker_environment


def export_in_process(
    adapter: Adapter, into: Path, report: Callable[[str], None], *, base: str | None = None, gguf: bool = False
) -> Path:
    """Write the export folder `into` (`core.export.folder`), with `gguf` also for llama.cpp, and return it.

    `report` gets "reading", "merging" and "writing"; what it raises ends the process. `base` is where the
    base lies on this machine, if elsewhere than the adapter says. Raises AppError.
    """
    command = [
        sys.executable, "-m", "core.export.folder", base or located(adapter.base), str(adapter.folder), str(into),
        "--with-parent", *(["--gguf"] if gguf else []),
    ]  # fmt: skip
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(command, cwd=ROOT, env=worker_environment(), encoding="utf-8",
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints)  # fmt: skip
        try:
            assert process.stdout is not None, "it is a pipe"
            with process.stdout as lines:
                _listen(lines, report)
            if process.wait():
                complaints.seek(0)
                raise _broken(complaints.read().decode(errors="replace"))
        finally:
            process.kill()
            process.wait()
            if process.stdin:
                process.stdin.close()
    return into


def _listen(lines: Iterable[str], report: Callable[[str], None]) -> None:
    for line in lines:
        try:
            message = json.loads(line)
        except ValueError:
            continue  # a library's own words
        if isinstance(message, dict) and "error" in message:
            raise AppError(*message["error"])
        if isinstance(message, dict) and "stage" in message:
            report(message["stage"])


def _broken(complaint: str) -> ModelError:
    last = next((line for line in reversed(complaint.strip().splitlines()) if line.strip()), "no reason was given")
    return ModelError(
        f"The export ended early: {last[:200]} It may be short of memory: close other programs and try again.",
        f"書き出しが途中で終わりました: {last[:200]} メモリ不足かもしれません。"
        "ほかのプログラムを閉じて、もう一度試してください。",
    )


def zipped(folder: Path, target: Path, report: Callable[[str], None]) -> Path:
    """All of `folder` as the zip file `target`, which may be over 4 GB; its files lie under the folder's name."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:  # weights do not compress
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            report(path.name)
            archive.write(path, f"{folder.name}/{path.relative_to(folder)}")
    return target
