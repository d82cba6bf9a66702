"""Other ways to ask for words: a reply under an instruction of its own, and what the user could say next."""

from dataclasses import replace

from core.chat.context import ChatContext
from core.chat.conversation import Conversation
from core.messages import Role
from core.personas.lorebook import NO_LOREBOOK
from core.prompt.context import about_speaking_as, for_next_reply
from core.text import language_of

OTHER_SIDE: dict[Role, Role] = {"user": "assistant", "assistant": "user"}
MOST_TOKENS = 120


def instructed(setting: ChatContext, instruction: str) -> ChatContext:
    """The same with a wish for the next reply alone; it stands behind everything that was said."""
    if not instruction.strip():
        return setting
    japanese = language_of(instruction) == "ja"
    return replace(setting, placed=(*setting.placed, for_next_reply(instruction.strip(), japanese=japanese)))


def as_user(setting: ChatContext, talk: Conversation, about: str = "") -> tuple[ChatContext, Conversation]:
    """The talk with its sides exchanged, so that the reply to it is what the user could say next.

    `about` is what the user says of themselves. An adapter has learned the persona's words, so the base model writes.
    """
    prompt_config, sampling = setting.prompt_config, setting.sampling
    user, persona = prompt_config.user, prompt_config.persona
    japanese = language_of(prompt_config.persona, prompt_config.description, *(talk.turns[-1].messages[-1:] if
                           talk.turns else ())) == "ja"  # fmt: skip
    exchanged = replace(
        prompt_config, persona=user, user=persona, examples=(), reply_format="", parts=(),
        description=about_speaking_as(user, persona, about, japanese=japanese),
    )  # fmt: skip
    nodes = tuple(replace(node, role=OTHER_SIDE[node.role]) for node in talk.nodes)
    seen = replace(talk, nodes=nodes)
    if seen.path and seen.path[-1].role == "assistant":  # the user spoke last: somebody speaks before they go on
        seen = seen.said("user", prompt_config.opening)
    most = min(sampling.max_new_tokens, MOST_TOKENS)
    return replace(
        setting, prompt_config=exchanged, sampling=replace(sampling, max_new_tokens=most), adapter=None, differs=False,
        single_pass=False, lorebook=NO_LOREBOOK, placed=(), remembers=False, others=(),
    ), seen  # fmt: skip
