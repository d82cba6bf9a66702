"""constraints.txt: one version of everything, within the ranges, and what the tests really run with."""

import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from core.settings import ROOT

TOOLS = {"pip", "setuptools", "wheel"}
SYSTEMS = [{"sys_platform": "linux", "platform_system": "Linux", "platform_machine": machine, "os_name": "posix"}
           for machine in ("x86_64", "aarch64")] + [
    {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64", "os_name": "posix"},
    {"sys_platform": "win32", "platform_system": "Windows", "platform_machine": "AMD64", "os_name": "nt"},
]  # fmt: skip
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
PINNED = (Path(sys.prefix) / ".dev-ready").is_file()  # make's stamp: installed with constraints.txt


def requirements(name: str) -> list[Requirement]:
    """The lines of a file in the repository's root, those of the files that it names included."""
    found = []
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        line = line.split("#")[0].strip()
        found += requirements(line[3:]) if line.startswith("-r ") else [Requirement(line)] if line else []
    return found


def pins(environment: dict[str, str]) -> dict[str, Version]:
    """What constraints.txt says to a Python on a system, given as marker variables."""
    found: dict[str, Version] = {}
    for each in requirements("constraints.txt"):
        if each.marker is None or each.marker.evaluate(environment):
            [specifier] = each.specifier
            assert specifier.operator == "==" and "*" not in specifier.version and not Version(specifier.version).local
            assert canonicalize_name(each.name) not in found, f"two versions of {each.name}"
            found[canonicalize_name(each.name)] = Version(specifier.version)
    return found


def environments() -> Iterator[dict[str, str]]:
    for python in PYTHONS:
        for system in SYSTEMS:
            yield system | {"python_version": python, "python_full_version": f"{python}.9",
                            "implementation_name": "cpython", "platform_python_implementation": "CPython"}  # fmt: skip


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-extra.txt", "requirements-dev.txt"])
def test_every_python_on_every_system_gets_one_version_within_each_range(file: str) -> None:
    for environment in environments():
        there = pins(environment)
        for each in requirements(file):
            if each.marker is None or each.marker.evaluate(environment):
                assert each.specifier.contains(there[canonicalize_name(each.name)]), (str(each), environment)


def test_the_lines_are_in_order_and_the_tools_that_install_are_not_among_them() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if line[0] != "#"]
    assert lines == sorted(lines, key=lambda line: (canonicalize_name(Requirement(line).name), line))
    assert not TOOLS & {canonicalize_name(each.name) for each in requirements("constraints.txt")}


def test_a_space_gets_the_same_versions() -> None:
    there = pins(SYSTEMS[0] | {"python_version": "3.11", "python_full_version": "3.11.9"})
    assert 'python_version: "3.11"' in (ROOT / "README.md").read_text(encoding="utf-8")
    named = {canonicalize_name(each.name): str(each.specifier) for each in requirements("pre-requirements.txt")}
    assert named == {name: f"=={there[name]}" for name in named}
    assert {canonicalize_name(each.name) for each in requirements("requirements.txt")} <= set(named)


@pytest.mark.skipif(not PINNED, reason="not an environment that `make test` made")
def test_these_tests_run_with_exactly_these_versions() -> None:
    named = pins({})
    unlike = {name: (found, str(named.get(name))) for name, found in tree("requirements-dev.txt").items()
              if str(named.get(name)) != found and name not in TOOLS}  # fmt: skip
    assert not unlike, "run make constraints, or make test, which installs what constraints.txt says"


def tree(file: str) -> dict[str, str]:
    """Versions without local parts of all that is installed for `file`, by normalised name."""
    found: dict[str, str] = {}
    waiting = [(canonicalize_name(r.name), r.extras) for r in requirements(file) if not r.marker or r.marker.evaluate()]
    seen: set[tuple[str, str]] = set()
    while waiting:
        name, extras = waiting.pop()
        try:
            found[name] = Version(version(name)).public
        except PackageNotFoundError:  # torch for CUDA names libraries that torch for a CPU goes without
            assert name.startswith(("nvidia-", "cuda-", "triton")), f"{name} is not installed"
            continue
        for extra in {"", *extras}:
            if (name, extra) not in seen:
                seen.add((name, extra))
                waiting += [(canonicalize_name(r.name), r.extras) for r in map(Requirement, requires(name) or [])
                            if not r.marker or r.marker.evaluate({"extra": extra})]  # fmt: skip
    return found
