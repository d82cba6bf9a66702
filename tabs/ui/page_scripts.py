"""The scripts of the page: where one is, names for a screen reader, the next step on a phone, keys, language, colours.

Gradio has no component for these. Each file in `scripts/` is one function that takes its words; `first.js`,
`frames.js` and `stream.js` run before Gradio does, and `heartbeat.js` belongs to heartbeat.py.
"""

import json
from pathlib import Path

from tabs.ui.text import LANGUAGES, texts

SCRIPTS = Path(__file__).parent / "scripts"
BEFORE_GRADIO = ("first", "frames", "stream")
AT_START = ("tools", "names", "places", "next_step", "keys")


def first_script() -> str:
    """For the page itself, before Gradio's own scripts; without its tags."""
    return "\n".join(map(_read, BEFORE_GRADIO))


def start_script() -> str:
    """The function that Gradio runs once the page stands."""
    words = json.dumps({language: _words(language) for language in LANGUAGES}, ensure_ascii=False)
    calls = "\n".join(f"({_read(name).rstrip()})(words);" for name in AT_START)
    return f"() => {{\nconst words = ({words})[document.documentElement.lang];\n{calls}\n}}"


def _words(language: str) -> dict[str, str]:
    """Of page.json, by their names there."""
    names = [key.partition(".")[2] for key in texts() if key.startswith("page.")]
    return {name: texts()[f"page.{name}"].in_language(language) for name in names}


def _read(name: str) -> str:
    lines = (SCRIPTS / f"{name}.js").read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("//"))
