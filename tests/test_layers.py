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
            used = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os"
            taken = isinstance(node, ast.ImportFrom) and node.module == "os"
            if (used and node.attr in names) or (taken and any(alias.name in names for alias in node.names)):
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
    assert rule(tree) == []


@pytest.mark.parametrize(("rule", "broken"), [(rule, tree) for rule, trees in RULES for tree in trees])
def test_rule_sees_what_breaks_it(rule: Callable[[Tree], list[str]], broken: Tree) -> None:
    assert rule(broken)


def test_rules_allow_what_is_meant() -> None:
    tree = {
        "app.py": '"""App."""\nfrom tabs import chat, data\n',
        "core/settings.py": '"""Settings."""\nimport os\nhome = os.environ["HOME"]\n',
        "core/a.py": '"""A."""\nimport os\nfrom core.errors import AppError\nos.replace("a", "b")\n',
        "tabs/chat.py": '"""Chat."""\nimport gradio as gr\nfrom tabs.ui import errors, services\n',
        "tabs/data/tab.py": '"""Data."""\nfrom tabs.data import rows\nfrom tabs.ui.text import say\n',
        "tabs/__init__.py": "",
    }
    assert [offence for rule, _ in RULES for offence in rule(tree)] == []


def test_datasets_folder_holds_data_only() -> None:
    assert list((ROOT / "datasets").rglob("*.py*")) == []


def run_python(code: str) -> object:
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
