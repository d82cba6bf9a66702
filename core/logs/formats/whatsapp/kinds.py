"""What the body of a WhatsApp message is: typed words, or a sentence of WhatsApp's that matches the whole body.

WhatsApp starts its own words with an invisible mark (U+200E, in Arabic U+200F), which tells them from typed ones.
"""

import re

from core.logs.formats.whatsapp import phrases
from core.logs.parsing.decode import EDGE_MARKS
from core.messages import Kind

MARK = "\u200e"
MARKS = ("\u200e", "\u200f")
CAPTIONED = 400  # characters in front of which the name of an attached file ends
# `<attached: 00000042-PHOTO-2020-06-07.jpg>` in any language, perhaps behind the name of a document.
ATTACHED = re.compile(
    rf"(?P<before>[^\n<]{{0,200}})"
    rf"<(?:(?:{phrases.words_for('attached')})|[^<>\n:：]{{2,30}}(?=[:：] \d{{8}}-))[:：] (?P<file>[^>\n]+)>",
    re.IGNORECASE,
)
FILE = re.compile(
    rf"[{EDGE_MARKS}]?(?P<file>[^\n]{{1,120}}\.\w{{2,5}}) \((?:{phrases.words_for('file')})\)"
    rf"|[{EDGE_MARKS}]?(?P<any>(?:IMG|VID|PTT|AUD|STK|DOC)-\d{{8}}-WA\d{{1,8}}\.\w{{2,5}}) \([^)\n]{{3,40}}\)"
    rf"|[\u200e\u200f](?P<marked>[^\n]{{1,120}}\.\w{{2,5}}) \([^()\n]{{3,40}}\)",
    re.IGNORECASE,
)
FILE_NAME = re.compile(r"[^\n]{1,120}(?:\.\w{2,5}|[•·] [^\n]{1,40})")
DOCUMENT = re.compile(
    r"[^\n]{1,60}\.\w{2,5} [•·] [^\n\u200e]{1,40}\u200e(?P<note>[^\n]{3,60})"
    r"|(?P<named>[^\n]{1,80}\.\w{2,5}) (?P<left>[^\n.]{3,40})"
)
PLACE = re.compile(
    r"(?P<word>[^\n:]{2,40}):? ?https?://"
    r"(?:maps\.google\.|www\.google\.|goo\.gl/maps|maps\.app\.|foursquare\.)\S{1,300}"
)
# WhatsApp in English and Japanese adds how long it took, or what a tap does.
CALL = re.compile(r"(?P<what>[^\n,.、。،]{4,40})[,.、。،] ?[^\n]{0,40}")
TYPED_CALLS = frozenset(("voice call", "video call", "音声通話", "ビデオ通話"))
AROUND = frozenset(".,、。،:\u200e")  # a phrase with something around it has one of these
NOTE = re.compile(r"<(?P<note>[^<>\n]{3,80})>\Z")


# A word, a question, and two answers or more with how many chose them: in every language of the app.
POLL = re.compile(
    r"[^\W\d_]{2,20}[:：]\n[^\n]{1,300}"
    r"(?:\n[\u200e\u200f]?[^\W\d_]{2,20}[:：] ?[^\n]{1,300} ?[(（]\d{1,5} ?[^\n()（）]{1,20}[)）]){2,20}"
)


def classify(body: str, has_sender: bool) -> tuple[Kind, str]:
    """Kind and words of a body. A caption under an attachment is what counts: it was typed."""
    bare = body.strip(EDGE_MARKS + " \u00a0")
    if bare == ".":  # what WhatsApp writes for a message that shows once: "Name:."
        bare = ""
    if bare[-1:] in (")", "）") and POLL.fullmatch(bare):
        return (Kind.MEDIA if has_sender else Kind.SYSTEM), bare
    marked = body.startswith(MARKS)
    if not has_sender:
        kind = _written(bare, sure=True)
        return (kind if kind is Kind.UNSENT or kind is Kind.CALL else Kind.SYSTEM), bare
    if bare:
        kind = _written(bare, sure=marked or (bare[0] == "<" and bare[-1] == ">"))
        if kind is not None:
            return kind, bare
    kind, words = _words(body.strip(" \u00a0"), bare)
    return (Kind.SYSTEM, bare) if kind is Kind.TEXT and words == bare and body.startswith(MARK) else (kind, words)


def _words(body: str, bare: str) -> tuple[Kind, str]:
    """Typed words, without the name of an attached file and the note that they were edited."""
    attached = ATTACHED.match(bare) if "<" in bare[:CAPTIONED] else None
    if attached is None and "(" in bare[:CAPTIONED]:
        attached = FILE.match(body) or FILE.match(bare)
    if attached is None:
        return Kind.TEXT, without_note(bare)
    before = attached["before"].strip(EDGE_MARKS + " ") if attached.re is ATTACHED else ""
    typed = before if before and not FILE_NAME.fullmatch(before) else ""
    caption = without_note(attached.string[attached.end() :].strip(EDGE_MARKS + " \n")) or typed
    if caption:
        return Kind.TEXT, caption
    name = attached["file"] or (attached["any"] or attached["marked"] if attached.re is FILE else "")
    return (Kind.STICKER if "STK" in name or "STICKER" in name or name.endswith(".webp") else Kind.MEDIA), bare


def without_note(words: str) -> str:
    """`words` without a `<…>` at their end that says they were edited: a known one, or one behind the mark."""
    if not words.endswith(">"):
        return words
    note = NOTE.search(words, max(words.rfind("<"), 0))
    if note is None:
        return words
    before = words[: note.start()]
    if before.endswith(MARKS) or phrases.fold(note["note"]) in phrases.edited():
        return before.rstrip(EDGE_MARKS + " \u00a0\n") or words
    return words


def _written(bare: str, *, sure: bool) -> Kind | None:
    """The kind of a body that WhatsApp wrote, None for one that was typed."""
    if bare == "null":
        return Kind.UNKNOWN
    kind = phrases.kind_of(bare, sure=sure)
    if kind is not None or "\n" in bare or len(bare) > phrases.LONGEST:
        return kind
    if not sure and AROUND.isdisjoint(bare):
        return None
    if bare.casefold() in TYPED_CALLS:
        return Kind.CALL if sure else None
    place = PLACE.fullmatch(bare) if "http" in bare else None
    if place:
        return Kind.MEDIA if phrases.kind_of(place["word"], sure=True) is Kind.MEDIA else None
    document = DOCUMENT.fullmatch(bare)
    left = (document["note"] or document["left"]) if document else None
    if left and phrases.kind_of(left, sure=True) is Kind.MEDIA:
        return Kind.MEDIA
    call = CALL.fullmatch(bare)
    if call and (
        phrases.kind_of(call["what"], sure=sure) is Kind.CALL or (sure and call["what"].casefold() in TYPED_CALLS)
    ):
        return Kind.CALL
    return None
