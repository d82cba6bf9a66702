"""The scripts of the page: where one is, names for a screen reader, the next step on a phone, keys, language, colours.

Gradio has no component for these. Each file in `scripts/` is one function that takes its words; `first.js`,
`frames.js` and `stream.js` run before Gradio does, and `heartbeat.js` belongs to heartbeat.py.
"""

import json
from collections.abc import Iterable
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
    calls = "\n".join(f"({_read(name).rstrip()})(words);" for name in AT_START)
    return f"() => {{\n{words_of('page')}\n{calls}\n}}"


def words_of(part: str, names: Iterable[str] | None = None) -> str:
    """A line of JavaScript: `words` are the texts of `part` (all, or these) in the page's language, by their names."""
    chosen = names or [key.partition(".")[2] for key in texts() if key.startswith(f"{part}.")]
    words = {one: {name: texts()[f"{part}.{name}"].in_language(one) for name in chosen} for one in LANGUAGES}
    return f"const words = ({json.dumps(words, ensure_ascii=False)})[document.documentElement.lang];"


def _read(name: str) -> str:
    lines = (SCRIPTS / f"{name}.js").read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("//"))
