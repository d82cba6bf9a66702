"""How a prompt config names its template: "auto", "model", one of `prompt_templates/`, or Jinja text of one's own."""

import re

from core.prompt.sandbox import TEMPLATES

AUTO = "auto"
OWN_NAME = re.compile(r"\A\{#- (?P<label>[^\n{}#]{1,90}) -#\}\n?")
LONGEST_JINJA = 20_000  # characters; the longest published ones, with tools, have about 15,000


def template_names() -> list[str]:
    """The templates in `prompt_templates/` that a prompt config may name."""
    return sorted(path.stem for path in TEMPLATES.glob("*.jinja"))


def is_jinja(wanted: str) -> bool:
    """Whether it is a template's text, and no name."""
    return "{{" in wanted or "{%" in wanted


def named(jinja: str, name: str, version: int) -> str:
    """An own template as a prompt config names it: its text, led by its name and version."""
    return f"{{#- {name}, version {version} -#}}\n{jinja}"


def label(wanted: str) -> str:
    """What a person calls it: the name, for an own one with its version."""
    if not is_jinja(wanted):
        return wanted
    found = OWN_NAME.match(wanted)
    return found["label"] if found else "own"


def source(wanted: str) -> str | None:
    """The Jinja text of a named or own template; None for "auto" and "model", which depend on the model."""
    if is_jinja(wanted):
        return wanted
    return (TEMPLATES / f"{wanted}.jinja").read_text(encoding="utf-8") if wanted in template_names() else None
