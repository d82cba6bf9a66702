"""The one idea: a prompt is made here, for the chat, the inspector, training and evaluation alike.

`render` turns a contract, the turns so far and a tokenizer into token ids that know which part of the
prompt each token belongs to and, for a training row, which tokens are learned. Text is tokenised in
stretches that end where a persona's words begin and end: what the chat asks with is then, token for
token, the beginning of what a row trains on.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, get_args
from weakref import WeakKeyDictionary

from core.errors import InputError
from core.layout import PROBE_NAMES, Layout, Stretch, Words, layout_for
from core.messages import Turn

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Part = Literal["persona", "examples", "turns", "new", "format"]
PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True)
class PromptContract:
    """Everything that shapes a prompt besides the conversation itself. Saved beside every adapter."""

    persona: str
    """The persona's name."""
    description: str = ""
    """Who the persona is: the system text."""
    user: str = "User"
    """The other side's name, for layouts that print names."""
    examples: tuple[Turn, ...] = ()
    """Exchanges that show how the persona talks; the first to go when the window is full."""
    template: str = "auto"
    """The layout; see `core.layout.layout_for`. A trained adapter's contract names a definite one."""
    separator: str = "\n"
    """Between the messages of one turn."""
    opening: str = "…"
    """Said for the user where the persona speaks first and somebody has to speak before it."""
    context_window: int = 1024
    """Tokens the prompt and the reply share."""
    reply_reserve: int = 200
    """Tokens of the window kept free for the reply."""

    def to_json(self) -> dict:
        """Plain values, as in `contract.json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict) -> "PromptContract":
        """The inverse of `to_json`; unknown keys of later versions are left aside."""
        known = {name: value[name] for name in cls.__dataclass_fields__ if name in value}
        examples = [Turn(t["role"], tuple(t["messages"]), t.get("name")) for t in value.get("examples", ())]
        return cls(**known | {"examples": tuple(examples)})


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the prompt: its part, its text, and its tokens [start, end)."""

    part: Part
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Prompt:
    """What a model is given. `ids` and `mask` are as long as each other; mask marks the learned tokens."""

    ids: tuple[int, ...]
    mask: tuple[bool, ...]
    pieces: tuple[Piece, ...]
    window: int
    turns_left_out: int = 0
    """Oldest turns that did not fit."""
    examples_left_out: bool = False

    @property
    def text(self) -> str:
        """Exactly what is tokenised."""
        return "".join(piece.text for piece in self.pieces)

    def tokens_by_part(self) -> dict[Part, int]:
        """Tokens of each part, in the order of PARTS; they add up to len(ids)."""
        return {part: sum(p.end - p.start for p in self.pieces if p.part == part) for part in PARTS}


@dataclass(frozen=True)
class Ending:
    """How a persona's turn ends: a token id, or a text where the layout has no token for it."""

    token_ids: tuple[int, ...]
    strings: tuple[str, ...]


def render(
    contract: PromptContract, turns: Sequence[Turn], tokenizer: "PreTrainedTokenizerBase", *, training: bool = False
) -> Prompt:
    """The prompt for the persona's next reply; with `training`, the row that teaches the persona's turns.

    When it is longer than the window (less the reply's reserve, in a chat), the examples go first, then
    the oldest turns, whole; persona, layout and the last turn stay. Raises InputError when even these
    do not fit, and ModelError when the template cannot hold the conversation.
    """
    layout = layout_for(tokenizer, contract.template)
    room = contract.context_window - (0 if training else contract.reply_reserve)
    examples, kept = contract.examples, list(turns)
    # A token is at least a byte of text or a special token: no more than `room` turns can ever fit.
    kept = kept[-max(room, 1) :]
    while True:
        stretches, words = _lay_out(contract, examples, kept, layout, reply=not training)
        prompt = _tokenise(stretches, words, tokenizer, window=contract.context_window, training=training)
        over = len(prompt.ids) - room
        if over <= 0:
            return replace(
                prompt, turns_left_out=len(turns) - len(kept), examples_left_out=len(examples) < len(contract.examples)
            )
        if examples:
            examples = ()
        elif len(kept) > (2 if training else 1):
            kept = kept[_turns_to_drop(prompt, over, len(kept)) :]
        else:
            raise _too_long(prompt, room)


def ending(contract: PromptContract, tokenizer: "PreTrainedTokenizerBase") -> Ending:
    """What a model tuned on this contract writes when the persona has finished its turn."""
    layout = layout_for(tokenizer, contract.template)
    probe = layout.stretches([Words.of("user", "u"), Words.of("assistant", "a")], names=PROBE_NAMES, reply=False)
    text = "".join(s.text for s in probe if s.ends_turn).strip(" ")
    ids = {tokenizer.eos_token_id} - {None}
    token = tokenizer.convert_tokens_to_ids(text) if text in layout.marks else None
    if token is not None:
        ids.add(token)
    return Ending(tuple(sorted(ids)), (text,) if text and token is None else ())


@dataclass(frozen=True)
class Meter:
    """Counts tokens of turns without rendering a whole prompt: an upper bound, for cutting rows."""

    fixed: int
    """Tokens of everything but the turns."""
    contract: PromptContract
    tokenizer: "PreTrainedTokenizerBase" = field(repr=False)
    frame: dict[str, int] = field(repr=False)
    """Tokens of the template around one turn, by role."""

    def turn(self, turn: Turn) -> int:
        """At most this many tokens are added by `turn`."""
        return self.frame[turn.role] + len(_codec(self.tokenizer).ids(_words(self.contract, turn).marked[1:-1])) + 1


def meter(contract: PromptContract, tokenizer: "PreTrainedTokenizerBase") -> Meter:
    """A meter for rows rendered with this contract (with its examples left out, as when a row is long)."""
    layout = layout_for(tokenizer, contract.template)
    talk = [Turn("user", ("a",)), Turn("assistant", ("a",))]

    def size(turns: list[Turn]) -> int:
        stretches, words = _lay_out(contract, (), turns, layout, reply=False)
        return len(_tokenise(stretches, words, tokenizer, window=0, training=True).ids)

    word = len(_codec(tokenizer).ids("a"))
    one, two, between = size(talk), size(talk * 2), size([*talk, talk[0]])
    frame = {"user": between - one - word, "assistant": two - between - word}
    return Meter(one - (two - one), contract, tokenizer, frame)


def _words(contract: PromptContract, turn: Turn) -> Words:
    texts = [text.strip() for text in turn.messages if text.strip()]
    if turn.name:
        texts[:1] = [f"{turn.name}: {texts[0]}"] if texts else []
    return Words.of(turn.role, contract.separator.join(texts))


def _lay_out(
    contract: PromptContract, examples: Sequence[Turn], turns: Sequence[Turn], layout: Layout, *, reply: bool
) -> tuple[list[Stretch], list[tuple[Part, str]]]:
    """The rendered stretches, and for each words in them (part, role)."""
    messages: list[Words] = []
    parts: list[tuple[Part, str]] = []

    def add(part: Part, words: Words) -> None:
        parts.append((part, words.role))
        if messages and messages[-1].role == words.role and words.role != "system":
            between = "\n\n" if parts[-2][0] == "persona" else contract.separator
            words = Words(words.role, messages.pop().marked + between + words.marked)
        messages.append(words)

    if contract.description.strip():
        add("persona", Words.of("system" if layout.takes_system else "user", contract.description))
    spoken = [("examples", t) for t in examples] + [("turns", t) for t in turns]
    if reply and turns and turns[-1].role == "user":
        spoken[-1] = ("new", turns[-1])
    opens = not spoken or spoken[0][1].role == "assistant"
    if opens and not layout.persona_may_open and not (messages and messages[-1].role == "user"):
        add("format", Words.of("user", contract.opening))
    for part, turn in spoken:
        if turn.role == "assistant" and part != "examples" and parts and parts[-1][0] == "examples":
            add("format", Words.of("user", contract.opening))  # else its words would join the last example's
        add(part, _words(contract, turn))
    return layout.stretches(messages, names=(contract.persona, contract.user), reply=reply), parts


def _tokenise(
    stretches: Sequence[Stretch],
    words: Sequence[tuple[Part, str]],
    tokenizer: "PreTrainedTokenizerBase",
    *,
    window: int,
    training: bool,
) -> Prompt:
    codec = _codec(tokenizer)
    ids: list[int] = []
    mask: list[bool] = []
    pieces: list[Piece] = []
    learning = False  # inside a persona's own turn of the conversation
    for run in _runs(stretches, words):
        for stretch, tokens in zip(run, codec.split([s.text for s in run], begins=not ids,
                                                    untrusted=[s.words is not None for s in run]), strict=True):  # fmt: skip
            part, role = words[stretch.words] if stretch.words is not None else ("format", "")
            if stretch.words is not None:
                learning = training and role == "assistant" and part == "turns"
            learned = learning and (stretch.words is not None or stretch.ends_turn)
            pieces.append(Piece(part, stretch.text, len(ids), len(ids) + len(tokens)))
            ids += tokens
            mask += [learned] * len(tokens)
    return Prompt(tuple(ids), tuple(mask), tuple(pieces), window)


def _runs(stretches: Sequence[Stretch], words: Sequence[tuple[Part, str]]) -> list[list[Stretch]]:
    """Stretches that are tokenised together: borders stand on both sides of a persona's words."""
    runs: list[list[Stretch]] = [[]]
    for stretch in stretches:
        if stretch.words is not None and words[stretch.words][1] == "assistant":
            runs += [[stretch], []]
        else:
            runs[-1].append(stretch)
    return [run for run in runs if run]


def _turns_to_drop(prompt: Prompt, over: int, turns: int) -> int:
    """How many of the oldest turns to drop to be rid of `over` tokens, by a rendering that is too long."""
    starts = [piece.start for piece in prompt.pieces if piece.part in ("turns", "new")]
    needed = next((n for n, start in enumerate(starts) if start - starts[0] >= over), turns - 1)
    return max(1, min(needed, turns - 1))


def _too_long(prompt: Prompt, room: int) -> InputError:
    sizes = prompt.tokens_by_part()
    persona, new = sizes["persona"], sizes["new"] + sizes["turns"]
    return InputError(
        f"This does not fit: the persona takes {persona} tokens and the message {new}, but there is room for {room}. "
        "Shorten one of them, or choose a model with a longer context.",
        f"入りきりません。人格が {persona} トークン、発言が {new} トークンで、使えるのは {room} トークンです。"
        "どちらかを短くするか、文脈の長いモデルを選んでください。",
    )


class _Codec:
    """One tokenizer's encoding of stretches, with what was encoded lately kept."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase") -> None:
        # Held by the caller as the key of a weak dictionary; a strong reference here would keep it for ever.
        from weakref import proxy

        self._tokenizer = proxy(tokenizer)
        added = sorted({t.content for t in tokenizer.added_tokens_decoder.values() if t.content}, key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, added))) if added else None
        # SentencePiece with a dummy prefix writes a space before every text; behind a newline it does not.
        self._anchor = "\n" if self._prefixed() else ""
        self._encode = lru_cache(maxsize=20_000)(self._encode_now)

    def _prefixed(self) -> bool:
        plain, behind = (self._tokenizer(t, add_special_tokens=False)["input_ids"] for t in ("a", "\na"))
        newline = self._tokenizer("\n", add_special_tokens=False)["input_ids"]
        return behind[: len(newline)] == newline and behind[len(newline) :] != plain

    def _encode_now(self, text: str, anchor: str) -> tuple[tuple[int, int], ...]:
        """(id, first character) of each token of `text`, where `anchor` stands before it unseen."""
        coded = self._tokenizer(
            anchor + text, add_special_tokens=False, return_offsets_mapping=self._tokenizer.is_fast, verbose=False
        )
        ids = coded["input_ids"]
        starts = [start for start, _ in coded["offset_mapping"]] if self._tokenizer.is_fast else [0] * len(ids)
        skip = len(self._tokenizer(anchor, add_special_tokens=False)["input_ids"]) if anchor else 0
        return tuple((i, max(s - len(anchor), 0)) for i, s in zip(ids[skip:], starts[skip:], strict=True))

    def ids(self, text: str) -> list[int]:
        """Tokens of words on their own; marks of the template among them stay plain text."""
        return self.split([text], begins=False, untrusted=[True])[0]

    def split(self, texts: list[str], *, begins: bool, untrusted: list[bool]) -> list[list[int]]:
        """Tokens of texts that follow one another, encoded as one and told apart again.

        A token that reaches over a border belongs to the text it begins in. Untrusted texts that spell
        a special token are cut inside it, so that it is read as the letters it was typed in.
        """
        cuts = self._cuts(texts, untrusted)
        borders, total = [], 0
        for text in texts:
            total += len(text)
            borders.append(total)
        whole, out = "".join(texts), [[] for _ in texts]
        for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
            anchor = "" if begins and start == 0 else self._anchor
            for token, offset in self._encode(whole[start:end], anchor):
                at = start + offset
                out[next(i for i, border in enumerate(borders) if at < border)].append(token)
        return out

    def _cuts(self, texts: list[str], untrusted: list[bool]) -> list[int]:
        cuts, at = set(), 0
        slow = not self._tokenizer.is_fast
        for text, guard in zip(texts, untrusted, strict=True):
            if slow and at:
                cuts.add(at)
            if guard and self._special and (found := list(self._special.finditer(text))):
                cuts |= {at, at + len(text)} | {at + match.start() + 1 for match in found}
            at += len(text)
        return sorted(cuts - {0, at})


_codecs: "WeakKeyDictionary[PreTrainedTokenizerBase, _Codec]" = WeakKeyDictionary()


def _codec(tokenizer: "PreTrainedTokenizerBase") -> _Codec:
    codec = _codecs.get(tokenizer)
    if codec is None:
        codec = _codecs[tokenizer] = _Codec(tokenizer)
    return codec
