"""Reads one log or data set after another: a program for `core.isolated`, asked by `core.data.io.reading`."""

import gc
from pathlib import Path

from core.data.io.load import UnknownShapeError, load_set
from core.data.io.reading import packed, taken_apart, unpacked
from core.errors import InputError
from core.isolated import serve
from core.logs.detect import read_log


def read(order: tuple[str, str, str]) -> str:
    """`order` is ("log" or "data set", path, packed answers). Gives packed (outcome, value)."""
    kind, path, answers = order
    try:
        if kind == "log":
            return packed((kind, taken_apart(read_log(Path(path), **unpacked(answers)))))
        return packed((kind, load_set(Path(path), **unpacked(answers))))
    except UnknownShapeError as error:
        return packed(("unknown shape", (error.called, error.found)))
    except InputError as error:
        return packed(("refused", (error.en, error.ja)))
    except FileNotFoundError:
        return packed(("gone", None))
    except Exception as error:  # one file that no reader foresaw ends neither the process nor without a sentence
        return packed(("failed", type(error).__name__))


if __name__ == "__main__":
    gc.disable()  # what is read holds no cycles
    serve(read)
