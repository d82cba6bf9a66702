"""Several personas in one talk: who they are, and who of them speaks next.

Who speaks next is decided by what stands on the page and the group's seed alone, so that a talk can be drawn again.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from core.errors import InputError
from core.text import normalize_for_match

SpeakerOrder = Literal["named", "round", "drawn", "talkative", "hand"]
ORDERS: tuple[SpeakerOrder, ...] = get_args(SpeakerOrder)
MOST_MEMBERS = 8
MOST_ALONE = 60  # replies in a row that a group may be asked for
LONGEST_NAME = 60  # characters
INTERRUPTS = 0.25  # of the turns, who talks all the time takes this share from whoever would be next
SILENT = 0.02  # weight of who is not talkative at all: somebody has to speak


@dataclass(frozen=True)
class Member:
    """A persona of a group."""

    persona: str
    """Its id, or "" for the one of the adapter."""
    name: str
    """Under which its words stand; no other member and not the user has it."""
    adapter: str = ""
    talkativeness: float = 0.5
    """0 to 1: how readily it speaks where nobody is named."""


@dataclass(frozen=True)
class Group:
    """Who takes part beside the user; true where there are several."""

    members: tuple[Member, ...] = ()
    order: SpeakerOrder = "named"
    seed: int = 0
    answers: int = 1
    """How many reply to what the user says, at least."""
    alone: int = 6
    """How many replies they give among themselves when they are asked to go on."""
    interrupts: bool = False
    """Whether somebody may speak though it is another's turn."""

    def __bool__(self) -> bool:
        return len(self.members) > 1

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(member.name for member in self.members)

    def member(self, name: str) -> Member | None:
        """The member of that name."""
        return next((member for member in self.members if member.name == name), None)

    def with_member(self, member: Member, user: str) -> "Group":
        """With one more, under a name that nobody else has. Raises InputError where the group is full."""
        if len(self.members) >= MOST_MEMBERS:
            raise InputError(
                f"A group has at most {MOST_MEMBERS} members. Take one out before you add “{member.name}”.",
                f"グループは {MOST_MEMBERS} 人までです。「{member.name}」を加える前に、だれかを外してください。",
            )
        wanted = " ".join(member.name.split())[:LONGEST_NAME] or "?"
        taken, name, n = {normalize_for_match(one) for one in (*self.names, user)}, wanted, 1
        while normalize_for_match(name) in taken:
            n += 1
            name = f"{wanted} {n}"
        return replace(self, members=(*self.members, replace(member, name=name)))

    def without(self, name: str) -> "Group":
        """With one less; the last one stays."""
        left = tuple(member for member in self.members if member.name != name)
        return replace(self, members=left) if left else self

    def led_by(self, persona: str, adapter: str) -> "Group":
        """With another persona or adapter for the first member; a talk of two stays one."""
        return replace(self, members=(replace(self.members[0], persona=persona, adapter=adapter), *self.members[1:])
                       ) if self else self  # fmt: skip

    def talkative(self, name: str, talkativeness: float) -> "Group":
        """With a member that speaks more or less readily."""
        share = min(max(talkativeness, 0.0), 1.0)
        members = (replace(one, talkativeness=share) if one.name == name else one for one in self.members)
        return replace(self, members=tuple(members))

    def replies_to(self, said: "Sequence[Said]") -> int:
        """How many speak after the user's words: everybody who was named in them, and at least `answers`."""
        if self.order == "hand":
            return 0
        called = len(waiting(self, said)) if self.order == "named" else 0
        return max(1, min(self.answers, MOST_MEMBERS), called)


NO_GROUP = Group()
Said = tuple[str, str]
"""(the name of the member who said it, or "" for anybody else; the words)."""


def next_speaker(group: Group, said: Sequence[Said]) -> Member | None:
    """Who speaks after all this; None where that is chosen by hand.

    Nobody speaks twice in a row. "named": who is named and has not spoken since, else a draw by talkativeness;
    "round": who has been silent for the longest, so each in turn; "drawn": all of them in an order that is drawn anew
    for each round. Where the group interrupts, a talkative one now and then takes the turn of who would be next.
    """
    if not group or group.order == "hand":
        return None
    last = said[-1][0] if said else ""
    spoken = sum(1 for name, _ in said if name)
    if last and group.interrupts and (cutting := _cutting_in(group, spoken, last)):
        return cutting
    if group.order == "round":
        spoke = {name: at for at, (name, _) in enumerate(said)}
        return min(group.members, key=lambda member: spoke.get(member.name, -1))
    if group.order == "drawn":
        return _drawn(group, spoken, last)
    called = waiting(group, said) if group.order == "named" else []
    return called[0] if called else _by_talkativeness(group, spoken, last)


def _cutting_in(group: Group, spoken: int, last: str) -> Member | None:
    """Who takes somebody else's turn after a reply of a member, if anybody does."""
    draw = random.Random(f"{group.seed}/in/{spoken}")
    eager = [one for one in group.members if one.name != last and draw.random() < INTERRUPTS * one.talkativeness]
    return draw.choice(eager) if eager else None


def waiting(group: Group, said: Sequence[Said]) -> list[Member]:
    """Who was named since they spoke last, the first named first: by the user's last words, else by the last words."""
    asked = next((at for at in reversed(range(len(said))) if not said[at][0]), None)
    found: list[Member] = []
    for at in dict.fromkeys((asked, len(said) - 1)):
        if at is None or at < 0:
            continue
        since = {name for name, _ in said[at:]}
        found += [one for one in named_in(group, said[at][1]) if one.name not in since and one not in found]
    return found


def named_in(group: Group, text: str) -> list[Member]:
    """The members whose names stand in a text, in the order in which they do."""
    places = [(place, member) for member in group.members if (place := _place(member.name, text)) >= 0]
    return [member for _, member in sorted(places, key=lambda found: found[0])]


def _place(name: str, text: str) -> int:
    wanted, within = normalize_for_match(name), normalize_for_match(text)
    if not wanted.isascii():  # Japanese sets no spaces between words
        return within.find(wanted)
    found = re.search(rf"(?<![a-z0-9]){re.escape(wanted)}(?![a-z0-9])", within)
    return found.start() if found else -1


def _drawn(group: Group, spoken: int, last: str) -> Member:
    round_, place = divmod(spoken, len(group.members))
    order = list(group.members)
    random.Random(f"{group.seed}/{round_}").shuffle(order)
    if order[place].name == last:  # the end of one round and the beginning of the next
        place = (place + 1) % len(order)
    return order[place]


def _by_talkativeness(group: Group, spoken: int, last: str) -> Member:
    others = [member for member in group.members if member.name != last] or list(group.members)
    weights = [max(member.talkativeness, SILENT) for member in others]
    return random.Random(f"{group.seed}/{spoken}").choices(others, weights)[0]
