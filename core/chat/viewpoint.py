"""A group's talk as one of its members sees it: its own words are the persona's, all others' stand under their names.

What comes out is a conversation of two sides, which is asked, remembered and learned like any other.
"""

import re
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace

from core.chat.conversation import Conversation, Node
from core.chat.engine import Reply
from core.chat.group import Member, Said


def speaker_of(talk: Conversation, node: Node) -> str:
    """The name of the member who says it, or "" for anybody else."""
    if node.role != "assistant" or not talk.group:
        return ""
    return node.name or talk.group.members[0].name


def said_in(talk: Conversation) -> list[Said]:
    """What stands on the page, as `next_speaker` reads it."""
    return [(speaker_of(talk, node), "\n".join(node.messages)) for node in talk.path]


def seen_by(talk: Conversation, member: Member, user: str) -> Conversation:
    """The talk on the page through a member's eyes; `user` is the name under which the user's words stand."""
    nodes = tuple(_seen(talk, node, member.name, user) for node in talk.path)
    return replace(talk, persona=member.persona, adapter=member.adapter, nodes=nodes, speaker=member.name)


def _seen(talk: Conversation, node: Node, own: str, user: str) -> Node:
    speaker = speaker_of(talk, node)
    if speaker == own:
        return replace(node, name="")
    return replace(node, role="user", name=speaker or node.name or user)


def own_words(replies: Generator[Reply, None, None], own: str, others: Sequence[str]) -> Generator[Reply, None, None]:
    """The same replies without the label of who speaks, and cut where the words of somebody else begin."""
    label = re.compile(rf"[ \t]*{re.escape(own)}[ \t]*[:：][ \t]*")
    names = "|".join(map(re.escape, sorted(others, key=len, reverse=True)))
    another = re.compile(rf"(?:^|\n)[ \t]*(?:{names})[ \t]*[:：]") if names else None
    with closing(replies):
        for reply in replies:
            text = reply.text
            if begun := label.match(text):
                text = text[begun.end() :]
            elif f"{own}:".startswith(text.strip()) and not reply.finished:
                text = ""  # the label is on its way
            end = another.search(text) if another else None
            if end:
                yield replace(reply, text=text[: end.start()].rstrip(), finished=True)
                return
            yield replace(reply, text=text)
