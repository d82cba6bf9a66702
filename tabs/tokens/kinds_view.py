"""The three ways to make a tokenizer, each in a paragraph and a picture."""

from html import escape

from core.tokens.training import TokenizerKind
from tabs.ui.text import t

# Rows of the pictures: pieces, and what is written beside them; "!" before a piece sets it off.
PICTURES: dict[TokenizerKind, dict[str, tuple[tuple[str, str], ...]]] = {
    "bpe": {
        "ja": (
            ("あ り が と う", "1 文字ずつ"), ("!あり が と う", "あ＋り が最多"), ("あり が !とう", "と＋う が次"),
            ("!ありが とう", "あり＋が"), ("!ありがとう", "ありが＋とう"),
        ),
        "en": (
            ("t h e r e", "letters"), ("!th e r e", "t + h is most frequent"), ("!the r e", "th + e"),
            ("the !re", "r + e"), ("!there", "the + re"),
        ),
    },
    "unigram": {
        "ja": (
            ("あ り が と う", "0.00002 %"), ("あり が とう", "0.003 %"), ("ありが とう", "0.04 %"),
            ("!ありがとう", "0.9 % ← いちばんありそう"),
        ),
        "en": (
            ("t h e r e", "0.00002 %"), ("th e re", "0.003 %"), ("the re", "0.04 %"), ("!there", "0.9 % ← most likely"),
        ),
    },
    "wordpiece": {
        "ja": (
            ("!明日 は雨", "語頭から、いちばん長いもの"), ("明日 !##は 雨", "続きは ## をつけて"),
            ("明日 ##は !##雨", "終わりまで"),
        ),
        "en": (
            ("!rain coats", "the longest from the start"), ("rain !##coat s", "what continues has ##"),
            ("rain ##coat !##s", "to the end"),
        ),
    },
}  # fmt: skip


def explained(kind: TokenizerKind, language: str) -> str:
    """The paragraph and the picture, as HTML; the picture says the same to a screen reader."""
    rows = PICTURES[kind]["ja" if language == "ja" else "en"]
    words = ", ".join(f"{pieces.replace('!', '')} ({beside})" for pieces, beside in rows)
    lines = "".join(_row(pieces, beside) for pieces, beside in rows)
    return (
        f'<div class="kind-explained"><p>{escape(t(language, f"tokens.about_{kind}"))}</p>'
        f'<div role="img" aria-label="{escape(words)}">{lines}</div></div>'
    )


def _row(pieces: str, beside: str) -> str:
    spans = "".join(
        f'<span class="{"t2 chosen" if piece.startswith("!") else "t0"}">{escape(piece.removeprefix("!"))}</span>'
        for piece in pieces.split()
    )
    return f'<div class="step"><span class="tokens">{spans}</span><small class="muted">{escape(beside)}</small></div>'
