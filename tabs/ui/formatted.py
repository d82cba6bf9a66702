"""What somebody wrote, as HTML: *asterisks*, **bold**, `code` and fenced code. Everything else stays as it was typed.

Nothing else of Markdown is read: no link, no picture and no HTML can come out of a message.
"""

import re
from html import escape

# Each may stop at the end of a line or of the text, so that a reply can be drawn while it grows. None looks further
# than the next mark of its own kind, which keeps them linear.
FENCE = r"^```(?P<language>[^\n`]{0,40})\n(?P<code>(?:(?!^```)[^\n]*\n?)*?)(?:^```[^\S\n]*(?:\n|\Z)|\Z)"
INLINE = r"`(?P<inline>[^`\n]+)`"
BOLD = r"\*\*(?![\s*])(?P<bold>(?:[^*\n]|\*(?!\*))+)(?<!\s)\*\*"
# Between letters and digits a star is a star, as in 2*3*4; Japanese has no spaces around words.
STARS = r"(?<![0-9A-Za-z*])\*(?![\s*])(?P<stars>[^*\n]+)(?<!\s)\*(?![0-9A-Za-z*])"
MARKED = re.compile("|".join((FENCE, INLINE, BOLD, STARS)), re.MULTILINE)
IN_BOLD = re.compile("|".join((INLINE, STARS)))


def formatted(text: str, *, copy: str = "") -> str:
    """`text` as HTML for a place that keeps line breaks (`white-space: pre-wrap`).

    `copy` is what the button at fenced code says, without which there is none.
    """
    return _formatted(text, MARKED, copy)


def _formatted(text: str, marked: re.Pattern[str], copy: str) -> str:
    pieces: list[str] = []
    at = 0
    for found in marked.finditer(text):
        pieces += [escape(text[at : found.start()]), _element(found, copy)]
        at = found.end()
    return "".join([*pieces, escape(text[at:])])


def _element(found: re.Match[str], copy: str) -> str:
    groups = found.groupdict()
    if groups.get("code") is not None:
        return _code(groups["code"], groups["language"].strip(), copy)
    if groups.get("inline") is not None:
        return f"<code>{escape(groups['inline'])}</code>"
    if groups.get("bold") is not None:
        return f"<strong>{_formatted(groups['bold'], IN_BOLD, copy)}</strong>"
    return f"<em>{escape(groups['stars'])}</em>"


def _code(code: str, language: str, copy: str) -> str:
    name = f"<small>{escape(language)}</small>" if language else ""
    button = f'<button type="button" data-act="copy-code">{escape(copy)}</button>' if copy else ""
    return (
        f'<div class="code"><div>{name}{button}</div><pre><code>{escape(code.removesuffix(chr(10)))}</code></pre></div>'
    )
