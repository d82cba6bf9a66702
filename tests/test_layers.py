"""The rules of the house, held over the source: who may import whom, and how a file must look.

Each rule is a function from a source tree ({path: source}) to its offences. A rule is shown the
project, where it must find nothing, and broken trees, where it must find something.
"""

import ast
import doctest
import importlib
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LONGEST = 450
LATE = ("torch", "transformers", "peft", "datasets", "accelerate", "bitsandbytes")
Tree = dict[str, str]
# A package of core imports from the lines above its own alone.
ORDER = (
    ("text", "thoughts"), ("errors",), ("limits",),
    ("settings", "messages", "files", "attempts", "costs", "idle"), ("isolated",),
    ("workspace", "owners", "stored", "recent", "handover"), ("hub",), ("catalogue",), ("prompt",), ("models",),
    ("adapters",), ("logs",), ("data",), ("personas",), ("cards",), ("train", "memory", "diagnostics"),
    ("export", "chat", "speech"), ("synth", "tokens", "serve"), ("evaluate", "bots"), ("own_files",), ("housekeeping",),
)  # fmt: skip
RANK = {package: rank for rank, line in enumerate(ORDER) for package in line}
SHADOWING = ("list", "open", "zip", "round", "format")


def project() -> Tree:
    """What the app consists of: app.py, core/ and tabs/."""
    files = [ROOT / "app.py", *(ROOT / "core").rglob("*.py"), *(ROOT / "tabs").rglob("*.py")]
    return {f.relative_to(ROOT).as_posix(): f.read_text(encoding="utf-8") for f in files if f.exists()}


def imports(path: str, source: str) -> Iterator[str]:
    """Dotted names of the modules a file imports, wherever in the file it does."""
    package = path.removesuffix(".py").split("/")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *(node.module or "").split(".")]).strip(".")
            yield from (f"{base}.{alias.name}".strip(".") for alias in node.names)


def core_imports_upwards(tree: Tree) -> list[str]:
    return [
        f"{path} imports {name}"
        for path, source in tree.items()
        if path.startswith("core/")
        for name in imports(path, source)
        if name.split(".")[0] in ("gradio", "tabs", "app")
    ]


def core_packages(tree: Tree) -> set[str]:
    """Modules and packages that lie in core/ itself."""
    return {path.split("/")[1].removesuffix(".py") for path in tree if path.startswith("core/")} - {"__init__"}


def imports_between_packages(tree: Tree) -> Iterator[tuple[str, str, str]]:
    """(path, its package, another package of core that it imports). A __main__ is a program above them."""
    packages = core_packages(tree)
    for path, source in tree.items():
        if path.endswith("/__main__.py"):
            continue
        own = path.split("/")[1].removesuffix(".py") if path.startswith("core/") else ""
        for name in imports(path, source) if own else ():
            top, _, rest = name.partition(".")
            imported = rest.split(".")[0]
            if top == "core" and imported in packages - {own}:
                yield path, own, imported


def core_packages_out_of_order(tree: Tree) -> list[str]:
    offences = [f"core/{package} has no place in ORDER" for package in sorted(core_packages(tree) - RANK.keys())]
    return offences + [
        f"{path} imports core.{imported}, which does not come before core.{own}"
        for path, own, imported in imports_between_packages(tree)
        if RANK.get(imported, -1) >= RANK.get(own, len(ORDER))
    ]


def core_packages_in_a_circle(tree: Tree) -> list[str]:
    """Packages that import each other, directly or through others, whatever ORDER says."""
    below: dict[str, set[str]] = {}
    for _, own, imported in imports_between_packages(tree):
        below.setdefault(own, set()).add(imported)

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        waiting = [start]
        while waiting:
            new = below.get(waiting.pop(), set()) - found
            found |= new
            waiting += new
        return found

    return [f"core.{package} imports itself through others" for package in sorted(below) if package in reached(package)]


def names_for_two_things(tree: Tree) -> list[str]:
    """Classes and type aliases that are defined more than once over core/ and tabs/."""
    places: dict[str, list[str]] = {}
    for path, source in tree.items():
        module = ast.parse(source)
        classes = [node.name for node in ast.walk(module) if isinstance(node, ast.ClassDef)]
        aliases = [name for node in module.body for name in _alias(node)]
        for name in classes + aliases:
            places.setdefault(name, []).append(path)
    return [f"{name} is defined in {', '.join(paths)}" for name, paths in places.items() if len(paths) > 1]


def _alias(node: ast.stmt) -> Iterator[str]:
    """The name of a type alias at the top of a module: CamelCase, where constants are UPPER_CASE."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    for target in targets:
        if isinstance(target, ast.Name) and target.id.lstrip("_")[:1].isupper() and not target.id.isupper():
            yield target.id


def methods_that_shadow_a_builtin(tree: Tree) -> list[str]:
    """`list` as a method takes `list[int]` from every annotation behind it in the class."""
    return [
        f"{path}:{method.lineno} {node.name}.{method.name}"
        for path, source in tree.items()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef)
        for method in node.body
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and method.name in SHADOWING
    ]


def tabs_import_each_other(tree: Tree) -> list[str]:
    """A tab is a module or a package of tabs/; tabs share ui, which knows none of them; nobody imports app."""
    offences = []
    for path, source in tree.items():
        if not path.startswith("tabs/"):
            continue
        own = path.split("/")[1].removesuffix(".py")
        for name in imports(path, source):
            top, _, rest = name.partition(".")
            allowed = ("", own) if own == "ui" else ("", own, "ui")
            if top == "app" or (top == "tabs" and rest.split(".")[0] not in allowed):
                offences.append(f"{path} imports {name}")
    return offences


def environment_read_elsewhere(tree: Tree) -> list[str]:
    names = {"environ", "environb", "getenv", "putenv", "unsetenv"}
    offences = []
    for path, source in tree.items():
        if path == "core/settings.py":
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
                taken = {node.attr}
            elif isinstance(node, ast.ImportFrom) and node.module == "os":
                taken = {alias.name for alias in node.names}
            else:
                continue
            if taken & names:
                offences.append(f"{path}:{node.lineno} reads the environment")
    return offences


def without_docstring(tree: Tree) -> list[str]:
    """Files with code in them and no word on what they are."""
    return [path for path, source in tree.items() if source.strip() and not ast.get_docstring(ast.parse(source))]


def too_long(tree: Tree) -> list[str]:
    return [f"{path}: {source.count(chr(10))} lines" for path, source in tree.items() if source.count("\n") > LONGEST]


RULES: list[tuple[Callable[[Tree], list[str]], list[Tree]]] = [
    (
        core_imports_upwards,
        [
            {"core/a.py": "def f():\n    import gradio as gr\n"},
            {"core/chat/a.py": "from tabs.ui import services\n"},
            {"core/chat/a.py": "from ...app import main\n"},
            {"core/a.py": "from gradio.events import on\n"},
        ],
    ),
    (
        core_packages_out_of_order,
        [
            {"core/hub/client.py": "from core.models.loading import ModelStore\n", "core/models/loading.py": ""},
            {"core/train/spec.py": "def f():\n    from core.memory import notes\n", "core/memory/notes.py": ""},
            {"core/errors.py": "from . import settings\n", "core/settings.py": ""},
            {"core/hub/a.py": "from ..models import loading\n", "core/models/loading.py": ""},
            {"core/quantum/a.py": ""},
        ],
    ),
    (
        core_packages_in_a_circle,
        [
            {"core/hub/a.py": "import core.data.b\n", "core/data/b.py": "from core.hub.a import x\n"},
            {
                "core/hub/a.py": "from core import data\n",
                "core/data/b.py": "from core.logs import c\n",
                "core/logs/c.py": "def f():\n    from core.hub.d import x\n",
            },
        ],
    ),
    (
        names_for_two_things,
        [
            {"core/a.py": "class Row: ...\n", "tabs/b.py": "class Row: ...\n"},
            {"core/a.py": "Way = Literal['up']\n", "core/b.py": "Way = str\n"},
            {"core/a.py": "class Way: ...\n", "core/b.py": "Way: TypeAlias = str\n"},
            {"core/a.py": "class A:\n    class Row: ...\n", "core/b.py": "def f():\n    class Row: ...\n"},
        ],
    ),
    (
        methods_that_shadow_a_builtin,
        [
            {"core/a.py": "class A:\n    def list(self): ...\n"},
            {"tabs/a.py": "class A:\n    @property\n    def format(self): ...\n"},
            {"core/a.py": "class A:\n    async def open(self): ...\n"},
        ],
    ),
    (
        tabs_import_each_other,
        [
            {"tabs/data.py": "from tabs import chat\n"},
            {"tabs/data.py": "from tabs.chat import ChatTab\n"},
            {"tabs/data.py": "from . import chat\n"},
            {"tabs/data.py": "from .chat import ChatTab\n"},
            {"tabs/data/rows.py": "from tabs.train.form import build\n"},
            {"tabs/ui/status_bar.py": "from tabs.talk import build\n"},
            {"tabs/data.py": "import app\n"},
        ],
    ),
    (
        environment_read_elsewhere,
        [
            {"app.py": "import os\nhome = os.environ['HOME']\n"},
            {"core/hub/client.py": "import os\ntoken = os.getenv('HF_TOKEN')\n"},
            {"tabs/push.py": "from os import environ\n"},
        ],
    ),
    (without_docstring, [{"core/a.py": "import os\n"}]),
    (too_long, [{"core/a.py": "x = 1\n" * (LONGEST + 1)}]),
]


@pytest.mark.parametrize("rule", [rule for rule, _ in RULES])
def test_project_keeps_the_rule(rule: Callable[[Tree], list[str]]) -> None:
    tree = project()
    assert {"core/settings.py", "tabs/__init__.py"} <= tree.keys()
    assert core_packages(tree) >= {"hub", "prompt", "models", "data", "train", "chat"}
    assert rule(tree) == []


@pytest.mark.parametrize(("rule", "broken"), [(rule, tree) for rule, trees in RULES for tree in trees])
def test_rule_sees_what_breaks_it(rule: Callable[[Tree], list[str]], broken: Tree) -> None:
    assert rule(broken)


def test_rules_allow_what_is_meant() -> None:
    tree = {
        "app.py": '"""App."""\nfrom tabs import chat, data\n',
        "core/settings.py": '"""Settings."""\nimport os\nhome = os.environ["HOME"]\n',
        "core/errors.py": '"""Errors."""\nclass AppError(Exception): ...\n',
        "core/hub/a.py": '"""A."""\nimport os\nfrom core.errors import AppError\nos.replace("a", "b")\nMOST = 3\n',
        "core/data/b.py": '"""B."""\nfrom core.data.c import x\nfrom core.hub.a import x\ndef open(): ...\nMOST = 4\n',
        "core/data/c.py": '"""C."""\nfrom core.hub import a\nRow = dict[str, str]\n',
        "tabs/chat.py": '"""Chat."""\nimport gradio as gr\nfrom tabs.ui import errors, services\n',
        "tabs/data/tab.py": '"""Data."""\nfrom tabs.data import rows\nfrom tabs.ui.text import say\n',
        "tabs/__init__.py": "",
    }
    assert [offence for rule, _ in RULES for offence in rule(tree)] == []


def test_datasets_folder_holds_data_only() -> None:
    assert list((ROOT / "datasets").rglob("*.py*")) == []


def run_python(code: str) -> list:
    """What a fresh interpreter, started in the project's folder, prints as JSON."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def loaded_late(after: str) -> list[str]:
    """Which of the slow libraries are loaded once `after` has run."""
    return run_python(f"{after}\nimport json, sys; print(json.dumps([n for n in {LATE!r} if n in sys.modules]))")


def test_import_datasets_is_hugging_faces() -> None:
    home = run_python("import datasets, json; print(json.dumps([datasets.__file__, hasattr(datasets, 'Dataset')]))")
    assert home[1] and not Path(home[0]).is_relative_to(ROOT / "datasets")


def test_importing_the_app_leaves_slow_libraries_alone() -> None:
    assert loaded_late("import app") == []


def test_importing_every_tab_leaves_slow_libraries_alone() -> None:
    """The page is made of these, and app.py imports them only when it starts."""
    modules = sorted(path.removesuffix(".py").replace("/", ".") for path in project() if path.startswith("tabs/"))
    assert loaded_late("\n".join(f"import {name.removesuffix('.__init__')}" for name in modules)) == []


def test_slow_libraries_would_be_seen() -> None:
    assert loaded_late("import datasets") == ["datasets"]


WITH_EXAMPLES = [path for path, source in project().items() if "\n    >>> " in source or "\n>>> " in source]


@pytest.mark.parametrize("path", WITH_EXAMPLES)
def test_examples_in_docstrings_are_true(path: str) -> None:
    module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    result = doctest.testmod(module)
    assert result.attempted and not result.failed


def test_tests_cannot_leave_this_machine() -> None:
    with pytest.raises(OSError, match="this machine only"):
        socket.create_connection(("192.0.2.1", 9), timeout=1)
