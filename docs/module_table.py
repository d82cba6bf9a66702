"""The table of modules in docs/architecture.md, made from the code: `python docs/module_table.py` rewrites it.

A row is a module, the first line of its docstring, and the packages of the project that it imports.
`tests/test_layers.py` holds that the table is the code's.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- modules -->", "<!-- /modules -->"
FLAT = ("core/logs/formats/",)  # readers of one format each: a row for the folder is enough


def modules() -> Iterator[Path]:
    """Every module of the app, a package before its contents."""
    for name in ("app.py", "core", "tabs"):
        place = ROOT / name
        yield from [place] if place.is_file() else sorted(place.rglob("*.py"), key=lambda path: path.parts)


def package_of(dotted: str) -> str:
    """`core.prompt.render` → `prompt`; `tabs.ui.text` → `tabs.ui`; a module right under core is its own package."""
    parts = dotted.split(".")
    return parts[1] if parts[0] == "core" else ".".join(parts[:2])


def imports_of(path: Path) -> list[str]:
    """Which other packages of the project a module imports, wherever in the file it does."""
    own = package_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found |= {package_of(name) for name in names if re.match(r"(core|tabs)\.", name)}
    return sorted(found - {own})


def summary_of(path: Path) -> str:
    """The first line of the module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0].rstrip(".").replace("|", "\\|")


def table() -> str:
    """The table as Markdown."""
    rows = ["| module | what it is | imports |", "|---|---|---|"]
    for path in modules():
        name = path.relative_to(ROOT).as_posix()
        if not (summary := summary_of(path)) or (name.startswith(FLAT) and not name.endswith("/__init__.py")):
            continue
        name = name.removesuffix("/__init__.py") + "/" if name.endswith("/__init__.py") else name
        rows.append(f"| `{name}` | {summary} | {', '.join(imports_of(path))} |")
    return "\n".join(rows)


def page_with(rows: str) -> str:
    """The page with `rows` between its marks."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{BEGIN}\n{rows}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page_with(table()), encoding="utf-8")
    sys.exit(0)
