"""Several replies one after the other, as a group gives them: until there are enough, or somebody stops them."""

from collections.abc import Iterator

import gradio as gr

from core.chat.conversation import Conversation
from tabs.talk.replies import Replies, Writing
from tabs.talk.view import shown
from tabs.ui.services import Services
from tabs.ui.visitor import Visitor


def replies_in_a_row(
    services: Services, replies: Replies, visitor: Visitor, talk: Conversation, writing: Writing, count: int, *,
    human: bool,
) -> Iterator[tuple]:  # fmt: skip
    """`count` replies to `talk`, of which `writing` is the first, as values of OUTPUTS.

    The next one is announced before the last is stored: so there is no moment at which a stop would be missed.
    """
    for left in reversed(range(count)):
        writing.follow = Writing(paused=True) if left else None
        try:
            talk = yield from replies.stream(visitor, talk, writing, human=human)
            if writing.follow is None:
                return
            writing = writing.follow
            if not writing.stop.is_set():
                services.chat.rate_limiter.acquire(visitor.owner, visitor.address)
                continue
        except BaseException:
            replies.release(visitor, talk, writing.follow or writing)
            raise
        replies.release(visitor, talk, writing)
        if writing.given_up:  # what the person did meanwhile is drawn by its own event
            yield shown()
        else:
            yield shown(stop=gr.Button(visible=False), **replies.painter.drawn(visitor, talk))
        return
