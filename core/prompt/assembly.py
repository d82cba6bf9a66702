"""From what goes into a prompt to its tokens: roles and parts first, then the template, then the ids.

Text is tokenised in segments that end where a persona's words begin and end: what the chat asks with is
then, token for token, the beginning of what a row trains on.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from core.messages import Turn
from core.prompt.chat_template import ChatTemplate, MessageText, RenderedSegment
from core.prompt.config import PromptConfig
from core.prompt.context import NO_CONTEXT, PLACED_PARTS, PlacedPart, PlacedText, RetrievedContext, index_at_depth
from core.prompt.encoder import SegmentEncoder, encoder_for
from core.prompt.segments import Part, Prompt, Segment
from core.text import is_japanese

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SPEECH = ("examples", "turns", "new")
HEADINGS: dict[str, tuple[str, str]] = {
    "knowledge": ("知っていること:", "What you know:"),
    "timeline": ("これまでの出来事:", "What happened so far:"),
    "recalled": ("以前の会話から:", "From earlier talks:"),
}


@dataclass(frozen=True)
class Contents:
    """What goes into one prompt besides what its prompt config always says."""

    turns: Sequence[Turn]
    examples: tuple[Turn, ...] = ()
    background: RetrievedContext = NO_CONTEXT
    placed: tuple[PlacedText, ...] = ()


def turn_text(prompt_config: PromptConfig, turn: Turn, template: ChatTemplate) -> str:
    """The words of a turn as the model reads them; "" when it has none."""
    names = (prompt_config.persona, prompt_config.user)
    texts = [template.said(text.strip(), names) for text in turn.messages if text.strip()]
    if turn.name and texts:
        texts[0] = f"{' '.join(turn.name.split())}: {texts[0]}"
    return prompt_config.separator.join(texts)


def section(prompt_config: PromptConfig, part: str, lines: Sequence[str], template: ChatTemplate) -> str:
    """Looked-up lines under their heading, each on one line: what they say is quoted, not said by anybody.

    The headings are in the language of the persona.
    """
    if not lines:
        return ""
    names = (prompt_config.persona, prompt_config.user)
    heading = HEADINGS[part][
        0 if is_japanese(prompt_config.description + prompt_config.persona + prompt_config.user) else 1
    ]
    return "\n".join((heading, *(f"- {template.said(' '.join(line.split()), names)}" for line in lines)))


def placed_text(prompt_config: PromptConfig, placed: PlacedText, template: ChatTemplate) -> str:
    """A text as it goes in: in brackets where nobody of the two says it and it is among their words."""
    text = template.said(placed.text.strip(), (prompt_config.persona, prompt_config.user))
    bare = placed.role != "system" or placed.place != "at_depth" or (text[:1], text[-1:]) == ("[", "]")
    return text if bare or not text else f"[{text}]"


def render_segments(
    prompt_config: PromptConfig, contents: Contents, template: ChatTemplate, *, reply: bool
) -> tuple[list[RenderedSegment], list[tuple[Part, str]]]:
    """The rendered segments, and for each words in them (part, role). With `reply`, the persona is asked.

    What stays the same stands first: persona, format of a reply, knowledge, timeline, examples. Recalled
    words change with every turn and stand before the newest words, said by the same side, so that no
    template sees a role more. So do placed texts, each before the turn that its depth says.
    """
    script = _Script(prompt_config, template)
    retrieved, always = contents.background, "system" if template.takes_system else "user"
    script.place(contents.placed, "before_persona", always)
    script.add("persona", always, prompt_config.description)
    script.place(contents.placed, "after_persona", always)
    script.add("format", always, prompt_config.reply_format)
    script.add("knowledge", always, section(prompt_config, "knowledge", retrieved.knowledge, template))
    script.add("timeline", always, section(prompt_config, "timeline", retrieved.timeline, template))
    # Words of the persona that a row holds as context are shown like examples: without loss.
    spoken: list[tuple[Part, Turn]] = [("examples", turn) for turn in contents.examples]
    spoken.extend(("turns" if turn.trained else "examples", turn) for turn in contents.turns)
    if reply and contents.turns and contents.turns[-1].role == "user":
        spoken[-1] = ("new", contents.turns[-1])
    among: dict[int, list[PlacedText]] = {}
    for one in contents.placed:
        if one.place == "at_depth":
            among.setdefault(index_at_depth(contents.turns, one.depth), []).append(one)
    for number, (part, turn) in enumerate(spoken, start=-len(contents.examples)):
        script.place_among(among.get(number, ()), contents.turns, number)
        text = turn_text(prompt_config, turn, template)
        if text and part == "new":
            script.add("recalled", "user", section(prompt_config, "recalled", retrieved.recalled, template))
        script.say(part, turn.role, text)
    script.place_among(among.get(len(contents.turns), ()), contents.turns, len(contents.turns))
    if reply and not any(part in ("turns", "new") for part, _ in script.parts):
        script.let_persona_speak()
    return template.segments(
        script.messages, names=(prompt_config.persona, prompt_config.user), reply=reply
    ), script.parts


class _Script:
    """Chat messages as they are put together, and for each words in them (part, role)."""

    def __init__(self, prompt_config: PromptConfig, template: ChatTemplate) -> None:
        self._prompt_config, self._template = prompt_config, template
        self.messages: list[MessageText] = []
        self.parts: list[tuple[Part, str]] = []

    def say(self, part: Part, role: str, text: str) -> None:
        """A turn of either side; before the persona's, somebody speaks where that is needed."""
        before = self.parts[-1] if self.parts else None
        joins = before == (part, "assistant") or (before and before[1] == "assistant" and before[0] in PLACED_PARTS)
        if text and role == "assistant" and not joins:
            self.let_persona_speak()
        self.add(part, role, text)

    def place(self, placed: Sequence[PlacedText], place: str, role: str) -> None:
        """The texts of a place at the description."""
        for (part, _), texts in groupby((one for one in placed if one.place == place), key=_part_and_role):
            self.add(part, role, self._together(texts))

    def place_among(self, placed: Sequence[PlacedText], turns: Sequence[Turn], at: int) -> None:
        """The texts that stand before turn number `at`, each said by one of the sides there."""
        for (part, role), texts in groupby(placed, key=_part_and_role):
            text = self._together(texts)
            if role != "assistant" or at == len(turns):
                self.add(part, "user", text)
            elif at > 0 and turns[at - 1].role == "assistant":
                self.add(part, "assistant", text)
            else:
                self.say(part, "assistant" if turns[at].role == "assistant" else "user", text)

    def _together(self, texts: Iterable[PlacedText]) -> str:
        return "\n\n".join(filter(None, (placed_text(self._prompt_config, one, self._template) for one in texts)))

    def add(self, part: Part, role: str, text: str) -> None:
        """Words of `role`, in the message of those before where these have the same role; nothing for no words."""
        if not text.strip():
            return
        words, before = self._template.message_text(role, text), self.parts[-1] if self.parts else None
        separator = self._template.plain(self._prompt_config.separator)
        if before == (part, role):
            self.messages[-1] = self.messages[-1].joined_with(separator, words)
            return
        self.parts.append((part, role))
        if self.messages and self.messages[-1].role == role:
            talk = before is not None and before[0] in SPEECH and part in SPEECH
            self.messages[-1] = self.messages[-1].followed_by(separator if talk else "\n\n", words)
        else:
            self.messages.append(words)

    def let_persona_speak(self) -> None:
        """Somebody speaks before the persona where the template wants it, or its words would join an example's."""
        before = self.messages[-1].role if self.messages else "system"
        if before == "assistant" or (before == "system" and not self._template.persona_may_open):
            self.add("format", "user", self._prompt_config.opening)


def _part_and_role(placed: PlacedText) -> tuple[PlacedPart, str]:
    return placed.part, placed.role


def tokenise(
    rendered: Sequence[RenderedSegment],
    words: Sequence[tuple[Part, str]],
    tokenizer: "PreTrainedTokenizerBase",
    *,
    prompt_config: PromptConfig,
    training: bool,
) -> Prompt:
    """The prompt that these segments spell; in a training row the persona's own turns and their ends are learned."""
    codec = encoder_for(tokenizer)
    ids: list[int] = []
    loss_mask: list[bool] = []
    segments: list[Segment] = []
    learning = False  # inside a persona's own turn of the conversation
    for run in _runs(rendered, words):
        for segment, tokens in zip(run, _encoded(run, codec, begins=not ids), strict=True):
            part, role = words[segment.words] if segment.words is not None else ("format", "")
            if segment.words is not None:
                learning = training and role == "assistant" and part == "turns"
            learned = learning and (segment.words is not None or segment.ends_turn)
            segments.append(Segment(part, segment.text, len(ids), len(ids) + len(tokens), role))
            ids += tokens
            loss_mask += [learned] * len(tokens)
    reserve = 0 if training else prompt_config.reply_reserve
    return Prompt(tuple(ids), tuple(loss_mask), tuple(segments), prompt_config.context_window, reserve)


def _runs(rendered: Sequence[RenderedSegment], words: Sequence[tuple[Part, str]]) -> list[list[RenderedSegment]]:
    """Segments that are tokenised together: borders stand around a persona's words, and around their end mark."""
    runs: list[list[RenderedSegment]] = [[]]
    for segment in rendered:
        if segment.ends_turn or (segment.words is not None and words[segment.words][1] == "assistant"):
            runs += [[segment], []]
        else:
            runs[-1].append(segment)
    return [run for run in runs if run]


def _encoded(run: Sequence[RenderedSegment], codec: SegmentEncoder, *, begins: bool) -> list[list[int]]:
    cuts, at = [], 0
    for segment in run:
        cuts += [at + cut for cut in segment.cuts]
        at += len(segment.text)
    return codec.split([segment.text for segment in run], begins=begins, cuts=cuts)
