"""requirements.txt names what the app imports without fail, requirements-extra.txt what it imports where present."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from itertools import pairwise
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from core.settings import ROOT

OWN = {"app", "core", "tabs"}
FIXED = {
    "gradio", "torch", "transformers", "peft", "bitsandbytes", "accelerate", "datasets", "sentencepiece", "einops",
    "huggingface-hub",
}  # fmt: skip
# Modules that import a package in a function only after `find_spec` has found it by the name in a table.
LOOKED_UP = {"core/train/queue/monitors.py"}


class Import(NamedTuple):
    """`guarded`: the app goes on where the package is missing."""

    package: str
    guarded: bool


def imports(source: str, *, looked_up: bool = False) -> Iterator[Import]:
    """Every import of another package, without those for the type checker alone."""

    def visit(node: ast.AST, guarded: bool, inside: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            for package in {name.split(".")[0] for name in names} - OWN - set(sys.stdlib_module_names):
                yield Import(package, guarded or (looked_up and inside))
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for child in node.orelse:
                yield from visit(child, guarded, inside)
        elif isinstance(node, ast.Try):
            catches = any(handler.type and "ImportError" in ast.unparse(handler.type) for handler in node.handlers)
            for child in node.body:
                yield from visit(child, guarded or catches, inside)
            for child in [*node.handlers, *node.orelse, *node.finalbody]:
                yield from visit(child, guarded, inside)
        else:
            inside = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for child in ast.iter_child_nodes(node):
                yield from visit(child, guarded, inside)

    yield from visit(ast.parse(source), False, False)


@cache
def used() -> tuple[set[str], set[str]]:
    """Packages that are imported without fail, and those that every file imports under a guard, at least at first."""
    needed: set[str] = set()
    optional: set[str] = set()
    for file in [ROOT / "app.py", *sorted((ROOT / "core").rglob("*.py")), *sorted((ROOT / "tabs").rglob("*.py"))]:
        looked_up = file.relative_to(ROOT).as_posix() in LOOKED_UP
        found = list(imports(file.read_text(encoding="utf-8"), looked_up=looked_up))
        under_guard = {each.package for each in found if each.guarded}
        optional |= under_guard
        needed |= {each.package for each in found} - under_guard
    return needed, optional - needed


def named(file: str) -> set[str]:
    """Normalised names of the distributions that a file in the root asks for, without those of files that it names."""
    lines = (line.split("#")[0].strip() for line in (ROOT / file).read_text(encoding="utf-8").splitlines())
    return {canonicalize_name(Requirement(line).name) for line in lines if line and not line.startswith("-r")}


@cache
def brought_by() -> dict[str, set[str]]:
    """Normalised names of what brings each package that can be imported; several where a namespace is shared."""
    return {package: set(map(canonicalize_name, names)) for package, names in packages_distributions().items()}


@pytest.mark.parametrize(("file", "which"), [("requirements.txt", 0), ("requirements-extra.txt", 1)])
def test_a_file_names_what_is_imported_and_nothing_else(file: str, which: int) -> None:
    packages, there = used()[which], named(file)
    missing = {package for package in packages if not brought_by().get(package, set()) & there}
    assert not missing, f"imported, but not in {file}"
    imported = set().union(*(brought_by().get(package, set()) for package in packages))
    assert there - imported <= (FIXED if which == 0 else set()), f"in {file}, but not imported"


def test_the_packages_that_must_be_there_are_in_requirements_and_the_others_apart() -> None:
    assert named("requirements.txt") >= FIXED
    assert not named("requirements.txt") & named("requirements-extra.txt")
    assert not named("requirements-dev.txt") & (named("requirements.txt") | named("requirements-extra.txt"))


def test_every_line_of_the_extras_says_what_it_opens() -> None:
    lines = (ROOT / "requirements-extra.txt").read_text(encoding="utf-8").splitlines()
    for before, line in pairwise(lines):
        assert line.startswith("#") or not line or before.startswith("# "), line


def test_what_make_and_the_tests_install_holds_the_extras() -> None:
    assert "-r requirements-extra.txt" in (ROOT / "requirements-dev.txt").read_text(encoding="utf-8").splitlines()
    [stamp] = [line for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
               if line.startswith("$(DEV_READY):")]  # fmt: skip
    assert {file.name for file in ROOT.glob("requirements*.txt")} <= set(stamp.split())


def test_a_guard_is_seen_for_what_it_is() -> None:
    source = """
import os, always.part
from core import text
if TYPE_CHECKING:
    import never
def late():
    try:
        from perhaps.deep import thing
    except (ImportError, OSError):
        import instead
    try:
        import asked
    except ValueError:
        pass
"""
    assert set(imports(source)) == {("always", False), ("perhaps", True), ("instead", False), ("asked", False)}
    assert Import("asked", True) in set(imports(source, looked_up=True))
    assert Import("always", False) in set(imports(source, looked_up=True))
