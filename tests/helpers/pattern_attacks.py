"""Every regular expression of the code, how it is used, and texts that would make it slow: prints JSON lines.

`python -m tests.helpers.pattern_attacks` goes through core and tabs. It prints one line for every pattern and use whose
processor time grows with the square of its text, and a last line with what was tried. Signals end each attempt: run it
in a process of its own.
"""

import ast
import importlib
import json
import pkgutil
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from core.errors import AppError

# Imported by name: they are Python's own, and no type stubs describe them. Python 3.10 has them under the older names.
_NEW = sys.version_info >= (3, 11)
constants = importlib.import_module("re._constants" if _NEW else "sre_constants")
parser = importlib.import_module("re._parser" if _NEW else "sre_parse")

PACKAGES = ("core", "tabs")
# Patterns that the code gives at most this many characters.
BOUNDED = {"core.data.profile": 40}
METHODS = frozenset({"match", "fullmatch", "search", "finditer", "findall", "sub", "subn", "split"})
SIZES = (5_000, 20_000, 40_000)
TOO_SMALL_TO_COUNT = 0.03  # seconds: below this a growth is noise
GROWTH = 3.0  # a square grows fourfold when the text doubles
LIMIT = 2.0  # seconds for one attempt
STRANGERS = (
    "{{",
    "(",
    "[",
    "<",
    " ",
    "a",
    "1",
    "\n",
    "あ",
    '"',
    ":",
    "{{ ",
    "a ",
    "1 ",
    "1:",
    "\\",
    "\t",
    "\r\n",
    "a.",
    "-",
    "*",
)


@dataclass(frozen=True)
class Use:
    """A pattern and one method that the code calls on it."""

    source: str
    flags: int
    method: str
    where: str


class TimeUpError(Exception):
    pass


def uses() -> tuple[list[Use], list[str]]:
    """All patterns with their uses, and the places whose pattern is only known while the code runs."""
    found: dict[tuple[str, int, str], Use] = {}
    dynamic = []
    modules = {name: (module, ast.parse(Path(str(module.__file__)).read_text("utf-8"))) for name, module in _modules()}
    loose: dict[str, set[str]] = {}
    for name, (module, tree) in modules.items():
        loose[name] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re."):
                try:
                    pattern, method = re.compile(_evaluate(node.args[0], module), _flags(node, module)), node.func.attr  # type: ignore
                except Exception:
                    if node.func.attr in METHODS | {"compile"} and node.col_offset:  # type: ignore
                        dynamic.append(f"{name}: {ast.unparse(node)[:120]}")
                    continue
                if method in METHODS:
                    _add(found, pattern, method, f"{name}: {ast.unparse(node)[:120]}")
            elif isinstance(node, ast.Attribute) and node.attr in METHODS and ast.unparse(node.value) != "re":
                try:
                    receiver = _evaluate(node.value, module)
                except Exception:
                    if node.attr != "split":  # what every text has, too
                        loose[name].add(node.attr)
                else:
                    if isinstance(receiver, re.Pattern):
                        _add(found, receiver, node.attr, name)
    for name, (module, _) in modules.items():
        for variable, value in vars(module).items():
            for pattern in _patterns(value):
                if any((pattern.pattern, pattern.flags, method) in found for method in METHODS):
                    continue
                users = [
                    other
                    for other, (known, tree) in modules.items()
                    if known is module or variable in {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
                ]
                for method in set().union(*(loose[user] for user in users)) or {"search"}:
                    _add(found, pattern, method, f"{name}.{variable}")
    return list(found.values()), dynamic


def _modules() -> Iterator[tuple[str, ModuleType]]:
    for package in PACKAGES:
        for info in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if not info.name.endswith("__main__"):
                yield info.name, importlib.import_module(info.name)


def _evaluate(node: ast.AST, module: ModuleType) -> Any:
    if isinstance(node, ast.Constant | ast.Name | ast.Attribute | ast.JoinedStr | ast.BinOp):
        return eval(compile(ast.Expression(node), "pattern", "eval"), dict(vars(module)))  # type: ignore
    raise ValueError(ast.dump(node))


def _flags(call: ast.Call, module: ModuleType) -> int:
    given = [word.value for word in call.keywords if word.arg == "flags"] or [
        value for value in call.args[1:] if "re." in ast.unparse(value)
    ]
    return int(_evaluate(given[0], module)) if given else 0


def _patterns(value: Any, depth: int = 0) -> Iterator["re.Pattern[str]"]:
    if isinstance(value, re.Pattern):
        if isinstance(value.pattern, str):
            yield value
    elif depth < 4:
        inner: list[Any] = []
        if isinstance(value, dict):
            inner = [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set | frozenset):
            inner = list(value)
        elif is_dataclass(value) and not isinstance(value, type):
            inner = [getattr(value, field.name, None) for field in fields(value)]
        for each in inner:
            yield from _patterns(each, depth + 1)


def _add(found: dict[tuple[str, int, str], Use], pattern: "re.Pattern[str]", method: str, where: str) -> None:
    if not isinstance(pattern.pattern, str):
        return  # bytes: parts of tokens and of files of our own
    method = {"findall": "finditer", "sub": "finditer", "subn": "finditer", "split": "finditer"}.get(method, method)
    found.setdefault((pattern.pattern, pattern.flags, method), Use(pattern.pattern, pattern.flags, method, where))


def attacks(pattern: "re.Pattern[str]") -> list[tuple[str, str, str]]:
    """(before, repeated, after): what leads to a repetition, what it repeats, and what fits nowhere."""
    tree = parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE)
    heads: set[str] = {""}
    letters: set[str] = set(STRANGERS)
    _walk(tree, "", heads, letters)
    literals = sorted((letter for letter in letters - set(STRANGERS)), key=lambda word: (-len(word), word))[:16]
    seeds = [*STRANGERS, *literals, *(a + b for a in literals[:5] for b in literals[:5] if a != b)]
    seeds += sorted(head for head in heads if head and len(head) <= 60)[:12]
    starts = ["", *sorted(heads - {""}, key=len, reverse=True)[:4]]
    return [(start, seed, end) for start in starts for seed in dict.fromkeys(seeds) for end in ("\0", "\n\0" * 4)]


def _walk(tree: Any, before: str, heads: set[str], letters: set[str]) -> str:
    """Goes through a parsed pattern; gathers its letters and what stands before each repetition. Returns an example."""
    run = ""
    example = before
    for operation, value in tree:
        if operation is constants.LITERAL:
            run += chr(value)
            example += chr(value)
            continue
        if run:
            letters.add(run)
            run = ""
        example += _example(operation, value, example, heads, letters)
    if run:
        letters.add(run)
    return example


def _example(operation: Any, value: Any, before: str, heads: set[str], letters: set[str]) -> str:
    if operation in (constants.MAX_REPEAT, constants.MIN_REPEAT, getattr(constants, "POSSESSIVE_REPEAT", None)):
        least, most, inner = value
        once = _walk(inner, before, heads, letters)[len(before) :]
        if most > 20:
            heads.add(before)
            if once:
                letters.add(once)
        return once * min(least, 20)
    if operation is constants.SUBPATTERN:
        return _walk(value[3], before, heads, letters)[len(before) :]
    if operation is getattr(constants, "ATOMIC_GROUP", None):
        return _walk(value, before, heads, letters)[len(before) :]
    if operation is constants.BRANCH:
        made = [_walk(branch, before, heads, letters)[len(before) :] for branch in value[1]]
        return made[0]
    if operation in (constants.ASSERT, constants.ASSERT_NOT):
        _walk(value[1], before, heads, letters)
        return ""
    if operation is constants.IN:
        return _of_class(value, letters)
    if operation in (constants.ANY, constants.NOT_LITERAL):
        return "a"
    return ""


def _of_class(members: Any, letters: set[str]) -> str:
    categories = {constants.CATEGORY_DIGIT: "1", constants.CATEGORY_SPACE: " ", constants.CATEGORY_WORD: "a"}
    inside = []
    for kind, value in members:
        if kind is constants.NEGATE:
            return next((c for c in "a 1." if _not_in(members[1:], c)), "~")
        if kind is constants.LITERAL:
            inside.append(chr(value))
        elif kind is constants.RANGE:
            inside.append(chr(value[0]))
        elif kind is constants.CATEGORY:
            inside.append(categories.get(value, "!"))
    letters.update(inside[:6])
    return inside[0] if inside else ""


def _not_in(members: Any, letter: str) -> bool:
    return not any(
        (kind is constants.LITERAL and value == ord(letter))
        or (kind is constants.RANGE and value[0] <= ord(letter) <= value[1])
        or (kind is constants.CATEGORY and value is constants.CATEGORY_SPACE and letter == " ")
        for kind, value in members
    )


def seconds(pattern: "re.Pattern[str]", method: str, text: str) -> float:
    """Processor time of one use, at most LIMIT."""
    begun = time.process_time()
    signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT)
    try:
        if method == "finditer":
            for _ in pattern.finditer(text):
                pass
        else:
            getattr(pattern, method)(text)
    except TimeUpError:
        return LIMIT
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return time.process_time() - begun


def growth(work: Callable[[str], object], seed: str) -> tuple[float, float] | None:
    """Processor seconds for 20 and 40 thousand characters of `seed`, where they grow with the square."""

    def took(size: int) -> float:
        text = seed * (size // len(seed))
        begun = time.process_time()
        signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT)
        try:
            work(text)
        except TimeUpError:
            return LIMIT
        except AppError:
            pass
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        return time.process_time() - begun

    if took(SIZES[0]) < TOO_SMALL_TO_COUNT / 16:
        return None
    half, whole = (min(took(size) for _ in range(2)) for size in SIZES[1:])
    return (half, whole) if whole >= LIMIT or (whole > TOO_SMALL_TO_COUNT and whole > GROWTH * half) else None


def fill(attack: tuple[str, str, str], size: int) -> str:
    """The text of an attack, about `size` characters long."""
    before, seed, after = attack
    return before + seed * (size // len(seed)) + after


def slow(use: Use) -> tuple[str, str, str, float, float] | None:
    """The first attack whose time grows with the square of the text, with its times for the last two of SIZES."""
    pattern = re.compile(use.source, use.flags)
    if bound := BOUNDED.get(use.where):
        longest = max(
            ((*attack, 0.0, seconds(pattern, use.method, fill(attack, bound))) for attack in attacks(pattern)),
            key=lambda tried: tried[-1],
        )
        return longest if longest[-1] > TOO_SMALL_TO_COUNT else None
    for attack in attacks(pattern):
        if seconds(pattern, use.method, fill(attack, SIZES[0])) < TOO_SMALL_TO_COUNT / 64:
            continue
        half, whole = (min(seconds(pattern, use.method, fill(attack, size)) for _ in range(2)) for size in SIZES[1:])
        if whole >= LIMIT or (whole > TOO_SMALL_TO_COUNT and whole > GROWTH * half):
            return (*attack, half, whole)
    return None


def main(found: list[Use], dynamic: list[str]) -> None:
    """Try every use of every pattern."""

    def time_up(*_: Any) -> None:
        raise TimeUpError

    signal.signal(signal.SIGVTALRM, time_up)
    for use in found:
        if bad := slow(use):
            before, seed, after, half, whole = bad
            text, times = [before[-80:], seed, after], [round(half, 3), round(whole, 3)]
            told = {
                "where": use.where,
                "method": use.method,
                "pattern": use.source[:200],
                "text": text,
                "seconds": times,
            }
            print(json.dumps(told, ensure_ascii=False), flush=True)
    print(json.dumps({"tried": len(found), "dynamic": dynamic}), flush=True)


if __name__ == "__main__":
    main(*uses())
