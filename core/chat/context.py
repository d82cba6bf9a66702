"""What a conversation is held with, and under which prompt config."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from core.adapters.store import Adapter
from core.chat.conversation import Conversation
from core.chat.typing_speed import TypingSpeed
from core.memory.memory import TurnContext
from core.memory.retrieve.recall import Participants
from core.models.loading import LoadedModel
from core.models.remote import RemoteModel
from core.personas import Persona, Sampling
from core.personas.lorebook import NO_LOREBOOK, Lorebook
from core.prompt import PlacedText, PromptConfig
from core.prompt.context import about_group
from core.prompt.template_names import AUTO
from core.text import language_of


@dataclass(frozen=True)
class ChatContext:
    """What a conversation is held with."""

    owner: str
    loaded: LoadedModel
    prompt_config: PromptConfig
    sampling: Sampling
    adapter: Adapter | None
    differs: bool
    """The adapter was trained on another persona than the one talked with."""
    remote: RemoteModel | None = None
    """The server's model that answers; the tokenizer of this machine's then only estimates what fits."""
    single_pass: bool = False
    """One structured answer holds the reply and what to remember."""
    lorebook: Lorebook = NO_LOREBOOK
    """What comes to the persona's mind at certain words."""
    placed: tuple[PlacedText, ...] = ()
    """The persona's texts with a place of their own, and the conversation's note."""
    typing_speed: TypingSpeed = field(default_factory=TypingSpeed)
    """How its messages follow each other."""
    guest: str = ""
    """The owner of what is remembered, where somebody else than `owner` talks (`core.owners.end_user`)."""
    remembers: bool = True
    """False: nothing is looked up in the memory for this talk."""
    others: tuple[str, ...] = ()
    """Everybody else in a group, the user among them; nobody in a talk of two."""


def resolve_prompt_config(
    persona: Persona, adapter: Adapter | None, context: int, *, template: str = AUTO
) -> tuple[PromptConfig, bool]:
    """The prompt config of a talk with this persona on a model with that window, and whether the adapter's differs.

    `template` is the one that was chosen for the model. An adapter is asked as it was trained; with another persona
    than its own, at least in the same shape.
    """
    prompt_config = persona.prompt_config(context, template=template)
    if adapter is None or adapter.prompt_config is None:
        return prompt_config, False
    trained = adapter.prompt_config
    differs = (persona.name, persona.description) != (trained.persona, trained.description)
    if differs:
        shape = {name: getattr(trained, name) for name in ("template", "separator", "opening", "parts")}
        asked = replace(prompt_config, **shape)
    else:
        asked = trained
    window = min(trained.context_window, context)
    return replace(asked, context_window=window, reply_reserve=min(prompt_config.reply_reserve, window // 2)), differs


def in_group(prompt_config: PromptConfig, others: Sequence[str]) -> PromptConfig:
    """A speaker's prompt config in a talk with these."""
    if not others:
        return prompt_config
    japanese = language_of(prompt_config.persona, prompt_config.description) == "ja"
    said = about_group(prompt_config.persona, others, japanese=japanese)
    return replace(prompt_config, reply_format="\n".join(filter(None, (prompt_config.reply_format, said))))


def remembered_as(conversation: Conversation) -> str:
    """Whose talks the memory files a conversation with: its persona's, or its adapter's."""
    return conversation.persona or f"adapter:{conversation.adapter}"


def turn_context(setting: ChatContext, conversation: Conversation) -> TurnContext:
    """A conversation as the memory sees it."""
    who = Participants(remembered_as(conversation), setting.prompt_config.persona, setting.prompt_config.user)
    # The memory knows two sides: what others of a group said is remembered with their names.
    turns = (replace(turn, messages=tuple(f"{turn.name}: {text}" for text in turn.messages)) if turn.name else turn
             for turn in conversation.turns)  # fmt: skip
    return TurnContext(setting.guest or setting.owner, who, remembered_in(conversation), tuple(turns))


def remembered_in(conversation: Conversation) -> str:
    """Under which id the memory keeps a talk: in a group each member has its own memory of it."""
    return f"{conversation.id}/{conversation.speaker}" if conversation.speaker else conversation.id
