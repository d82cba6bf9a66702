"""The two packages that GGUF files need, imported where they are there, with a plain sentence where they are not."""

from typing import Any

from core.errors import ModelError

INSTALL = "pip install -c constraints.txt xllamacpp gguf"


def llama_cpp() -> Any:
    """The package xllamacpp. Raises ModelError with the command that installs it."""
    try:
        import xllamacpp
    except ImportError as error:
        raise _not_installed("xllamacpp") from error
    return xllamacpp


def gguf_format() -> Any:
    """The package gguf. Raises ModelError with the command that installs it."""
    try:
        import gguf
    except ImportError as error:
        raise _not_installed("gguf") from error
    return gguf


def _not_installed(name: str) -> ModelError:
    return ModelError(
        f"GGUF files need the package {name}, which is not installed. Run: {INSTALL}",
        f"GGUF ファイルを使うには {name} が必要ですが、入っていません。{INSTALL} を実行してください。",
    )
