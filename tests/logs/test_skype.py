"""Skype: newest first, words in what looks like XML, kinds, quotes."""

import pytest

from core.logs.detect import read_log
from core.logs.formats.messengers.skype import text_of
from tests.helpers.log_files import save


def test_skype(tmp_path):
    def talk(n: int, who: str, kind: str, content: str, **more: object) -> dict[str, object]:
        return {
            "id": str(n),
            "displayName": None,
            "originalarrivaltime": f"2024-01-15T10:30:{n:02d}.123Z",
            "messagetype": kind,
            "from": who,
            "content": content,
        } | more

    quote = (
        '<quote author="bob" messageid="1"><legacyquote>[1] bob: </legacyquote>hi'
        "<legacyquote>&lt;&lt;&lt; </legacyquote></quote>"
    )
    messages = [
        talk(6, "8:me", "ThreadActivity/AddMember", "<addmember/>"),
        talk(5, "8:bob", "RichText", "", properties={"deletetime": 1}),
        talk(4, "8:bob", "RichText/Media_Video", "<URIObject>v</URIObject>"),
        talk(3, "8:me", "Event/Call", "<partlist/>"),
        talk(2, "8:me", "RichText", f'{quote}it&apos;s <ss type="smile">:)</ss><e_m a="b"></e_m>'),
        talk(1, "8:bob", "Text", "hi"),
    ]
    conversations = [
        {"id": "8:bob", "displayName": "Bob", "version": 1, "MessageList": messages},
        {"id": "19:x@thread", "displayName": None, "MessageList": [talk(1, "8:amy", "RichText", "yo")]},
    ]
    path = save(tmp_path / "messages.json", {"userId": "8:me", "exportDate": "2024", "conversations": conversations})
    log = read_log(path)
    assert log.parts == ("Bob", "19:x@thread")
    assert [(m.sender, m.kind.value, m.text) for m in log.messages] == [
        ("Bob", "text", "hi"),
        ("8:me", "text", "it's :)"),
        ("8:me", "call", ""),
        ("Bob", "media", "v"),
        ("Bob", "unsent", ""),
        (None, "system", "ThreadActivity/AddMember"),
        ("8:amy", "text", "yo"),
    ]
    assert log.messages[1].reply_to == 0 and log.messages[0].line == 6
    assert read_log(path, conversations=["Bob"]).partner == "Bob"


@pytest.mark.parametrize(
    ("content", "words"),
    [('<a href="https://e.com">e.com</a>', "e.com"), ("1 &lt; 2", "1 < 2"), ("a < b > c", "a < b > c"), ("<3", "<3")],
)
def test_skype_text(content, words):
    assert text_of(content) == words
