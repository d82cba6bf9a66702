"""What speaks for one side of a dialogue, or judges: a model of this machine, or a server's."""

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal

from core.catalogue.bundled import FOLDER, NAME
from core.errors import InputError
from core.models.remote_costs import FREE, Price
from core.models.remote_server import Server
from core.models.remote_window import CONTEXT, look_at
from core.models.sizing.dims import LARGEST_WINDOW
from core.models.sizing.requirements import inspect_model
from core.workspace import ADAPTER_WEIGHTS

STANDARD_INPUT = "-"


@dataclass(frozen=True)
class Backend:
    """What speaks for one side, or judges."""

    kind: Literal["local", "remote"] = "local"
    model: str = ""
    """A Hub id or a folder, "" for the bundled one; of a server, the name that it gives its model."""
    adapter: str = ""
    """A folder of a LoRA adapter for a local model."""
    url: str = ""
    """Base of a server of OpenAI's kind, as in http://127.0.0.1:8000/v1."""
    key_file: str = ""
    """A file with the server's key, or "-" for the first line of standard input: a plan may be shared, a key not."""
    window: int | None = None
    """Tokens of a server's window, in place of what it tells."""
    at_once: int = 8
    """Turns of different dialogues that are batched together, or asked of a server at the same time."""
    price: Price = FREE
    """Of a million tokens."""

    @cached_property
    def identity(self) -> Mapping[str, object]:
        """What decides its words, apart from what it is asked."""
        if self.kind == "remote":
            return {"url": self.url, "model": self.model, "window": self.window}
        return {"model": self.model} | ({"adapter": _digest_of_file(Path(self.adapter))} if self.adapter else {})

    @property
    def name(self) -> str:
        """For tables and records."""
        adapter = f" + {Path(self.adapter).name}" if self.adapter else ""
        return f"{self.model or NAME}{adapter}"

    def server(self) -> Server:
        """Where a remote one is. Raises InputError where its key cannot be read."""
        return Server(self.url, self._key())

    def tokens(self) -> int:
        """Its window, without loading it: as the plan, the model's configuration or the server says.

        Raises AppError where there is no such model.
        """
        if self.window:
            return self.window
        if self.kind == "remote":
            return look_at(self.server(), self.model)[1] or CONTEXT
        return min(inspect_model(self.model or str(FOLDER), local_folders=True).context or CONTEXT, LARGEST_WINDOW)

    def _key(self) -> str:
        if not self.key_file:
            return ""
        if self.key_file == STANDARD_INPUT:
            return _typed_key()
        try:
            return Path(self.key_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"The key file {self.key_file} cannot be read.", f"キーのファイル {self.key_file} を読めません。"
            ) from error


@lru_cache(maxsize=1)
def _typed_key() -> str:
    """Read once: several backends may share a server."""
    return sys.stdin.readline().strip()


def _digest_of_file(adapter: Path) -> str:
    """Which weights an adapter has: retrained in the same folder it is another one."""
    try:
        return hashlib.sha256((adapter / ADAPTER_WEIGHTS).read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise InputError(
            f"There is no adapter in {adapter}: {error.strerror}.",
            f"{adapter} にアダプターがありません: {error.strerror}",
        ) from error
