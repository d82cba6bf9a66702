"""What of a message is read aloud: its words, without code, addresses and marks of layout."""

import re

CODE = re.compile(r"```[^`]{0,20000}(?:```|$)")
ADDRESS = re.compile(r"https?://[^\s<>()「」、。]{1,2000}")
MARKS = re.compile(r"[*_`#>|~]+")
LONGEST = 1_000  # characters at a time


def spoken(text: str) -> str:
    """The words of a message, at most LONGEST characters and where it is cut at the end of a sentence."""
    words = " ".join(MARKS.sub("", ADDRESS.sub(" ", CODE.sub(" ", text))).split())
    if len(words) <= LONGEST:
        return words
    cut = words[:LONGEST]
    end = max(cut.rfind(mark) for mark in "。！？!?.")
    return cut[: end + 1] if end > LONGEST // 2 else cut
