"""The one idea: a prompt is made here, for the chat, the inspector, training and evaluation alike.

`render` turns a contract, the turns so far and a tokenizer into token ids that know which part of the
prompt each token belongs to and, for a training row, which tokens are learned. Text is tokenised in
stretches that end where a persona's words begin and end: what the chat asks with is then, token for
token, the beginning of what a row trains on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, get_args

from core.codec import Codec, codec_of
from core.contract import PromptContract
from core.errors import InputError
from core.layout import Layout, Stretch, Words, layout_for
from core.messages import Turn

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Part = Literal["persona", "examples", "turns", "new", "format"]
PARTS: tuple[Part, ...] = get_args(Part)


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
    separator: str = "\n"
    """What the layout makes of the contract's separator: rinna's writes <NL> for a newline."""


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
    least = 2 if training else 1
    examples, kept = contract.examples, _last_that_may_fit(turns, room, least, contract, tokenizer)
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
        elif len(kept) > least:
            kept = kept[_turns_to_drop(prompt, over, len(kept) - least) :]
        else:
            raise _too_long(prompt, room)


def ending(contract: PromptContract, tokenizer: "PreTrainedTokenizerBase") -> Ending:
    """What a model tuned on this contract writes when the persona has finished its turn.

    A mark that the layout also writes between the messages of one turn ends nothing: there, and where a
    turn in the middle has no mark, the words that introduce the user are what ends it. Where text ends a
    turn, a line that introduces the user ends it too, with either colon: not every model keeps the form.
    """
    layout = layout_for(tokenizer, contract.template)
    texts = (("user", "u"), ("assistant", f"a{contract.separator}a")) * 2
    probe = layout.stretches([layout.words(*w) for w in texts], names=(contract.persona, contract.user), reply=False)
    ids, strings, written, introduction = {tokenizer.eos_token_id} - {None}, set(), contract.separator, ""
    for number, said in enumerate(probe):
        if said.words in (1, 3):
            written = said.text.strip().removeprefix("a").removesuffix("a")
            introduction = introduction or _introduction(probe[number + 1 :], layout)
            after = probe[number + 1] if number + 1 < len(probe) else None
            text = after.text.strip(" ") if after and after.ends_turn else ""
            mark = layout.starts_with_mark(text.lstrip())
            if mark and mark not in said.text:
                ids.add(tokenizer.convert_tokens_to_ids(mark))
            elif text and not mark:
                strings.add(text)
            elif said.words == 1:
                strings |= _with_either_colon(introduction)
    line = introduction.rsplit("\n", 1)[-1]
    lines = {f"\n{line}" for line in _with_either_colon(line)} if strings else set()
    lines = {line for line in lines if not any(string in line for string in strings)}
    return Ending(tuple(sorted(ids)), tuple(sorted(strings | lines)), written)


def _with_either_colon(introduction: str) -> set[str]:
    """`Ken:` and `Ken：` of either; what ends in no colon as it stands; nothing of an empty name."""
    name = introduction.rstrip(":：")
    return {name + colon for colon in (":：" if name != introduction else ("",)) if name}


def _introduction(stretches: Sequence[Stretch], layout: Layout) -> str:
    """The letters that the template puts before the next words."""
    text = ""
    for stretch in stretches:
        if stretch.words is not None:
            break
        text += stretch.text
    for mark in layout.marks:
        text = text.replace(mark, "")
    return text.strip()


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
        return self.frame[turn.role] + codec_of(self.tokenizer).size(_text(self.contract, turn)) + 1


def meter(contract: PromptContract, tokenizer: "PreTrainedTokenizerBase") -> Meter:
    """A meter for rows rendered with this contract (with its examples left out, as when a row is long)."""
    layout = layout_for(tokenizer, contract.template)
    ask, answer = Turn("user", ("a",)), Turn("assistant", ("a",))

    def size(*turns: Turn) -> int:
        stretches, words = _lay_out(contract, (), turns, layout, reply=False)
        return len(_tokenise(stretches, words, tokenizer, window=0, training=True).ids)

    word = codec_of(tokenizer).size("a")
    one, two, between = size(ask, answer), size(ask, answer, ask, answer), size(ask, answer, ask)
    frame = {"user": between - one - word, "assistant": two - between - word}
    # A row that the persona begins may need an opening before it.
    opening = max(0, size(answer, ask, answer) - (two - frame["user"] - word))
    return Meter(one - (two - one) + opening, contract, tokenizer, frame)


def _text(contract: PromptContract, turn: Turn) -> str:
    """The words of a turn as the model reads them; "" when it has none."""
    texts = [text.strip() for text in turn.messages if text.strip()]
    if turn.name and texts:
        texts[0] = f"{turn.name}: {texts[0]}"
    return contract.separator.join(texts)


def _last_that_may_fit(
    turns: Sequence[Turn], room: int, least: int, contract: PromptContract, tokenizer: "PreTrainedTokenizerBase"
) -> Sequence[Turn]:
    """The end of `turns` that takes more than `room` tokens, or all of them: the rest need not be laid out."""
    codec, size = codec_of(tokenizer), 0
    for count, turn in enumerate(reversed(turns), start=1):
        # In the prompt a word may share a token with what stands before it.
        size += max(codec.size(_text(contract, turn)) - 1, 1)
        if size > room and count >= least:
            return turns[-count:]
    return turns


def _lay_out(
    contract: PromptContract, examples: Sequence[Turn], turns: Sequence[Turn], layout: Layout, *, reply: bool
) -> tuple[list[Stretch], list[tuple[Part, str]]]:
    """The rendered stretches, and for each words in them (part, role)."""
    messages: list[Words] = []
    parts: list[tuple[Part, str]] = []

    def add(part: Part, role: str, text: str) -> None:
        words, before = layout.words(role, text), parts[-1] if parts else None
        if before == (part, role):
            messages[-1] = messages[-1].joined_with(layout.plain(contract.separator), words)
            return
        parts.append((part, role))
        if messages and messages[-1].role == role:
            between = "\n\n" if before[0] == "persona" else layout.plain(contract.separator)
            messages[-1] = messages[-1].followed_by(between, words)
        else:
            messages.append(words)

    def let_persona_speak() -> None:
        """Somebody speaks before the persona where the layout wants it, or its words would join an example's."""
        before = messages[-1].role if messages else "system"
        if before == "assistant" or (before == "system" and not layout.persona_may_open):
            add("format", "user", contract.opening)

    if contract.description.strip():
        add("persona", "system" if layout.takes_system else "user", contract.description)
    # Words of the persona that a row holds as context are shown like examples: without loss.
    spoken = [("examples", turn) for turn in examples]
    spoken += [("turns" if turn.learned else "examples", turn) for turn in turns]
    if reply and turns and turns[-1].role == "user":
        spoken[-1] = ("new", turns[-1])
    for part, turn in spoken:
        text = _text(contract, turn)
        if text and turn.role == "assistant" and parts[-1:] != [(part, "assistant")]:
            let_persona_speak()
        if text:
            add(part, turn.role, text)
    if reply and not any(part in ("turns", "new") for part, _ in parts):
        let_persona_speak()
    return layout.stretches(messages, names=(contract.persona, contract.user), reply=reply), parts


def _tokenise(
    stretches: Sequence[Stretch],
    words: Sequence[tuple[Part, str]],
    tokenizer: "PreTrainedTokenizerBase",
    *,
    window: int,
    training: bool,
) -> Prompt:
    codec = codec_of(tokenizer)
    ids: list[int] = []
    mask: list[bool] = []
    pieces: list[Piece] = []
    learning = False  # inside a persona's own turn of the conversation
    for run in _runs(stretches, words):
        for stretch, tokens in zip(run, _encoded(run, codec, begins=not ids), strict=True):
            part, role = words[stretch.words] if stretch.words is not None else ("format", "")
            if stretch.words is not None:
                learning = training and role == "assistant" and part == "turns"
            learned = learning and (stretch.words is not None or stretch.ends_turn)
            pieces.append(Piece(part, stretch.text, len(ids), len(ids) + len(tokens)))
            ids += tokens
            mask += [learned] * len(tokens)
    return Prompt(tuple(ids), tuple(mask), tuple(pieces), window)


def _runs(stretches: Sequence[Stretch], words: Sequence[tuple[Part, str]]) -> list[list[Stretch]]:
    """Stretches that are tokenised together: borders stand around a persona's words, and around their end mark."""
    runs: list[list[Stretch]] = [[]]
    for stretch in stretches:
        if stretch.ends_turn or (stretch.words is not None and words[stretch.words][1] == "assistant"):
            runs += [[stretch], []]
        else:
            runs[-1].append(stretch)
    return [run for run in runs if run]


def _encoded(run: Sequence[Stretch], codec: Codec, *, begins: bool) -> list[list[int]]:
    cuts, at = [], 0
    for stretch in run:
        cuts += [at + cut for cut in stretch.cuts]
        at += len(stretch.text)
    return codec.split([stretch.text for stretch in run], begins=begins, cuts=cuts)


def _turns_to_drop(prompt: Prompt, over: int, most: int) -> int:
    """How many of the oldest turns to drop to be rid of `over` tokens, by a rendering that is too long."""
    starts = [piece.start for piece in prompt.pieces if piece.part in ("turns", "new")]
    needed = next((n for n, start in enumerate(starts) if start - starts[0] >= over), most)
    return max(1, min(needed, most))


def _too_long(prompt: Prompt, room: int) -> InputError:
    sizes = prompt.tokens_by_part()
    persona, new, room = sizes["persona"], sizes["new"] + sizes["turns"], max(room, 0)
    return InputError(
        f"This does not fit: the persona takes {persona} tokens and the message {new}, but there is room for {room}. "
        "Shorten one of them, or choose a model with a longer context.",
        f"入りきりません。人格が {persona} トークン、発言が {new} トークンで、使えるのは {room} トークンです。"
        "どちらかを短くするか、文脈の長いモデルを選んでください。",
    )
