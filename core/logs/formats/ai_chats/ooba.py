"""text-generation-webui (ooba): pairs of what the person and the bot said."""

import html

from core.logs.log import Format, Hints, Log
from core.logs.parsing.conversations import LogConversation, LogEntry, assemble, unread
from core.logs.parsing.json_source import JsonItem, JsonSource, Top, as_list, as_text
from core.text import Text

FORMAT = Format("ooba", Text("text-generation-webui (ooba)", "text-generation-webui（ooba）"))
PATHS = ("data_visible", "visible", "data", "internal")
HIDDEN = "<|BEGIN-VISIBLE-CHAT|>"  # stands where the bot spoke first


def claims(top: Top) -> bool:
    """Lists of pairs, as they were shown and as the model got them."""
    return top.any("data_visible.item.item", "visible.item.item") and top.any("data", "internal", "data_visible")


def read(source: JsonSource, hints: Hints) -> Log:
    """Every pair as two messages of `user` and `assistant`: the file holds no names."""
    path = next((path for path in PATHS if f"{path}.item.item" in source.top.paths), PATHS[0])
    one = LogConversation("")
    for item in source.items(f"{path}.item"):
        pair = as_list(item.value)
        if len(pair) < 2 or not all(isinstance(words, str) for words in pair[:2]):
            one.entries.append(unread(item))
            continue
        one.entries += _pair(item, *(html.unescape(as_text(words)) for words in pair[:2]))
    return assemble(FORMAT, [one], hints)


def _pair(item: JsonItem, person: str, bot: str) -> list[LogEntry]:
    said = (("user", "" if person == HIDDEN else person), ("assistant", bot))
    return [LogEntry(sender, words, item.place) for sender, words in said if words]
