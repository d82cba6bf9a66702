"""The exact versions that the tests ran with: `make constraints` writes them, `make test-newest` compares with them.

    python .ci/constraints.py write [NAME ...]    constraints.txt and pre-requirements.txt from this environment
    python .ci/constraints.py differ              what is installed here in another version than constraints.txt names

`write` keeps the versions of this environment, and lets uv, in an environment of its own, work out what other Pythons
and systems need beside them or instead. A NAME is a package beside those of requirements-dev.txt.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS, BEFORE = ROOT / "constraints.txt", ROOT / "pre-requirements.txt"
OLDEST = "3.10"
TOOLS = ("pip", "setuptools", "wheel")  # each environment brings its own
CONSTRAINTS_HEAD = """\
# The exact versions that the tests ran with, for every Python and system: `make run`, `make test` and the Dockerfile
# install these. Made by `make constraints` from .venv; never edited by hand. The ranges are in requirements*.txt.
"""
BEFORE_HEAD = """\
# Of constraints.txt what the app needs on a Space, which installs this file before requirements.txt.
# Made by `make constraints`; never edited by hand.
"""


def installed() -> dict[str, str]:
    """Versions in this environment by normalised name, without local parts such as `+cpu`."""
    found: dict[str, str] = {}
    for each in distributions():  # in the order of sys.path: of two copies the first is the one that is imported
        found.setdefault(canonicalize_name(each.metadata["Name"]), Version(each.version).public)
    return {name: found[name] for name in sorted(found) if name not in TOOLS}


def constraints() -> dict[str, str]:
    """Versions that constraints.txt names for this Python and system, by normalised name."""
    text = CONSTRAINTS.read_text(encoding="utf-8")
    return _applying(line for line in text.splitlines() if line and not line.startswith("#"))


def space_python() -> str:
    """The Python that README.md's header asks Spaces for."""
    found = re.search(r'^python_version: "(.+)"$', (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None, "README.md begins with a Space's header"
    return found[1]


def write(also: Iterable[str]) -> int:
    """Write both files. Returns 1, and changes nothing, where this environment's versions do not go together."""
    here = installed()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        uv = _uv(folder / "uv")
        asked, pinned, before = folder / "asked.txt", folder / "constraints.txt", folder / "before.txt"
        asked.write_text("\n".join([f"-r {ROOT / 'requirements-dev.txt'}", *also]), encoding="utf-8")
        pinned.write_text("".join(f"{n}=={v}\n" for n, v in here.items()), encoding="utf-8")  # uv keeps what it finds
        _run(*uv, "--universal", "--python-version", OLDEST, "-o", pinned, asked)
        lines = _lines(pinned)
        wrong = _unlike(lines, here)
        if wrong:
            print("This environment does not fit its own ranges; run `make test` first:", *wrong, sep="\n  ")
            return 1
        _run(*uv, "--python-version", space_python(), "--python-platform", "x86_64-manylinux_2_28",
             "-c", pinned, "-o", before, ROOT / "requirements.txt")  # fmt: skip
        first = _lines(before)
    CONSTRAINTS.write_text(CONSTRAINTS_HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    BEFORE.write_text(BEFORE_HEAD + "\n".join(first) + "\n", encoding="utf-8")
    return 0


def differ() -> int:
    """Print one line for each package that is here in another version than constraints.txt names, or not named."""
    named, here = constraints(), installed()
    found = [f"{name} {version}, constraints.txt has {named.get(name, 'nothing')}"
             for name, version in here.items() if named.get(name) != version]  # fmt: skip
    print("Here, unlike constraints.txt:" if found else "Every version here is that of constraints.txt.")
    print(*(f"  {line}\n" for line in found), sep="", end="")
    return 0


def _uv(folder: Path) -> list[str | Path]:
    """uv's compile command, installed into `folder`."""
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    _run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv")
    return [python, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate"]


def _run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True)


def _lines(written: Path) -> list[str]:
    """What uv wrote, by name, without the tools."""
    named = [(canonicalize_name(Requirement(line).name), line) for line in written.read_text("utf-8").splitlines()]
    return [line for name, line in sorted(named) if name not in TOOLS]


def _applying(lines: Iterable[str]) -> dict[str, str]:
    asked = [each for each in map(Requirement, lines) if each.marker is None or each.marker.evaluate()]
    return {canonicalize_name(each.name): str(each.specifier).removeprefix("==") for each in asked}


def _unlike(lines: Iterable[str], here: dict[str, str]) -> list[str]:
    """Lines for this Python and system that name another version than is here."""
    named = _applying(lines)
    return [f"{name} {here[name]}, and not {version}" for name, version in named.items()
            if name in here and here[name] != version]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("write").add_argument("also", nargs="*", metavar="NAME")
    commands.add_parser("differ")
    asked = parser.parse_args()
    return write(asked.also) if asked.command == "write" else differ()


if __name__ == "__main__":
    sys.exit(main())
