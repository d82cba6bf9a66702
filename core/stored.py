"""What lies on disk, read with suspicion: any file may be cut short, edited by hand, or of another version.

A damaged file is left out of lists and named; nobody's other things are hidden by it. `set_aside` moves it where the
app no longer looks, so that nothing is lost.
"""

import os
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from core.errors import InputError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError, sqlite3.DatabaseError)
"""What reading a damaged file raises: JSON's and UTF-8's errors are ValueErrors, and so are pydantic's."""


class DamagedError(InputError):
    """A file of the app that cannot be read. `path` is that file, or the folder of the thing it belongs to."""

    def __init__(self, path: Path, why: object) -> None:
        reason = " ".join(str(why).split())[:160] or type(why).__name__
        place = "/".join(path.parts[-3:])
        super().__init__(
            f"{place} is damaged ({reason}). It is left out; everything else works. "
            "Restore it from a backup, or set it aside under “Your files” at the foot of the page.",
            f"{place} が壊れています（{reason}）。これだけを除いて、ほかはそのまま使えます。"
            "バックアップから戻すか、ページ下部の「自分のファイル」で退避してください。",
        )
        self.path = path


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """What goes wrong inside becomes a DamagedError of `path`; a missing file stays FileNotFoundError."""
    try:
        yield
    except DamagedError:
        raise
    except (*UNREADABLE, InputError, IsADirectoryError) as error:
        raise DamagedError(path, error) from error


def parse(kind: type[T], value: object) -> T:
    """`value`, parsed JSON, as the dataclass `kind`, every field of the type it is declared with.

    Keys of other versions are left aside. Raises ValueError that names the field and the value.
    """
    from pydantic import ValidationError

    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or kind.__name__
        raise ValueError(f"{place}: {first['msg']}, not {str(first['input'])[:60]!r}") from None


@cache
def _adapter(kind: type) -> "TypeAdapter[Any]":
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def readable(names: Iterable[str], read: Callable[[str], T]) -> tuple[list[T], list[DamagedError]]:
    """What `read` makes of each name, and what is damaged; what was removed in this moment is neither."""
    found: list[T] = []
    damaged: list[DamagedError] = []
    for name in names:
        try:
            found.append(read(name))
        except DamagedError as error:
            damaged.append(error)
        except FileNotFoundError:
            continue
    return found, damaged


def set_aside(path: Path, into: Path) -> Path:
    """Move a damaged file or folder, with what lies beside a file under the same name, into the folder `into`."""
    into.mkdir(parents=True, exist_ok=True)
    target = into / f"{uuid.uuid4().hex[:8]}-{path.name}"
    beside = [] if path.is_dir() else [other for other in path.parent.glob(f"{path.stem}.*") if other != path]
    os.replace(path, target)
    for other in beside:
        os.replace(other, target.with_name(f"{target.name}.{other.suffix.lstrip('.')}"))
    return target
