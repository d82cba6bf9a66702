"""What a prompt is: token ids that know which part of the prompt each of them belongs to."""

import base64
import zlib
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

Part = Literal["persona", "user", "lorebook", "knowledge", "timeline", "examples", "turns", "recalled",
               "depth_prompt", "note", "new", "post_history", "format"]  # fmt: skip
PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the prompt: its part, its text, and its tokens [start, end)."""

    part: Part
    text: str
    start: int
    end: int
    role: str = ""
    """Who says it ("system", "user", "assistant"); "" for what the template adds."""


@dataclass(frozen=True)
class Prompt:
    """What a model is given. `ids` and `loss_mask` are as long as each other; `loss_mask` marks the learned tokens."""

    ids: tuple[int, ...]
    loss_mask: tuple[bool, ...]
    segments: tuple[Segment, ...]
    window: int
    """Tokens that this prompt and its reply share."""
    reserve: int = 0
    """Tokens of the window that are kept free for the reply."""
    left_out: Mapping[Part, int] = field(default_factory=dict)
    """What did not fit, by part: oldest turns, examples (turns), lines, and messages of the newest turn."""

    @property
    def text(self) -> str:
        """Exactly what is tokenised."""
        return "".join(segment.text for segment in self.segments)

    @property
    def messages(self) -> list[dict[str, str]]:
        """The same as chat messages, for servers with a template of their own: {"role": …, "content": …}."""
        messages: list[dict[str, str]] = []
        between = ""
        for segment in self.segments:
            if not segment.role:
                between += segment.text
            elif messages and messages[-1]["role"] == segment.role:
                messages[-1]["content"] += between + segment.text  # roles alternate: the same one goes on
            else:
                messages.append({"role": segment.role, "content": segment.text})
            between = "" if segment.role else between
        return messages

    @property
    def turns_left_out(self) -> int:
        """Oldest turns that did not fit."""
        return self.left_out.get("turns", 0)

    @property
    def next_out(self) -> Segment | None:
        """What goes first when the talk grows: the examples, else its oldest words; None when there is neither."""
        by_part = {segment.part: segment for segment in reversed(self.segments)}
        return by_part.get("examples") or by_part.get("turns")

    def tokens_by_part(self) -> dict[Part, int]:
        """Tokens of each part, in the order of PARTS; they add up to len(ids)."""
        return {part: sum(p.end - p.start for p in self.segments if p.part == part) for part in PARTS}

    def to_json(self) -> dict:
        """A chat's prompt as plain values, to be kept with its reply; the loss mask of a training row is not kept.

        Little more than its text: neighbouring segments of one part and role are one, and the ids are packed.
        """
        segments: list[list] = []
        for segment in self.segments:
            size = segment.end - segment.start
            if segments and segments[-1][:2] == [segment.part, segment.role]:
                segments[-1] = [segment.part, segment.role, segments[-1][2] + segment.text, segments[-1][3] + size]
            else:
                segments.append([segment.part, segment.role, segment.text, size])
        packed = base64.b85encode(zlib.compress(array("i", self.ids).tobytes())).decode("ascii")
        return {"window": self.window, "reserve": self.reserve, "left_out": dict(self.left_out), "segments": segments,
                "ids": packed}  # fmt: skip

    @classmethod
    def from_json(cls, value: dict) -> "Prompt":
        """A prompt that was kept: its text, parts and ids, nothing of it learned."""
        ids = array("i", zlib.decompress(base64.b85decode(value["ids"])))
        segments, at = [], 0
        for part, role, text, size in value["segments"]:
            segments.append(Segment(part, text, at, at + size, role))
            at += size
        return cls(
            tuple(ids), (False,) * len(ids), tuple(segments), value["window"], value["reserve"], value["left_out"]
        )
