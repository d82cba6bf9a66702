"""Privacy: what tells who somebody is, replaced by something else of the same kind, the same everywhere.

A telephone number becomes another telephone number that belongs to nobody, a name another name: the talk
still reads as a talk, and the persona learns no tag. The stand-ins come in a shuffled order, by when a value
first appears, so that nothing about the value can be computed from them. Everything stays on this machine.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from core.data.privacy.names import STAND_INS, parse_names, script_of
from core.data.privacy.pii import PiiMatch, PiiType, digits_of, find_pii, luhn, my_number_check


@dataclass(frozen=True, slots=True)
class Replaced:
    """A stretch [start, end) of the text before, and the stretch that stands in its place behind."""

    kind: PiiType
    start: int
    end: int
    before: str
    new_start: int
    new_end: int
    after: str


@dataclass(frozen=True, slots=True)
class Masked:
    """A text before and after, and what was replaced, in order: all that a diff needs."""

    before: str
    after: str
    replaced: tuple[Replaced, ...] = ()


@dataclass
class Pseudonyms:
    """Stand-ins for one log. The same value has the same stand-in, whatever way it is written.

    Raises InputError for a list of names that is too long.
    """

    names: Sequence[str] = ()
    """The person's own list (`core.data.privacy.names`)."""
    seed: int = 0
    _known: dict[tuple[PiiType, str], str] = field(default_factory=dict)
    _streams: dict[str, Iterator[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._names = parse_names(self.names)
        self._patterns = [name.pattern for name in self._names]
        self._taken = {name.real.casefold() for name in self._names} | {n.stand_in.casefold() for n in self._names}
        for name in self._names:
            if name.stand_in:
                self._known[PiiType.NAME, name.real.casefold()] = name.stand_in

    def mask(self, text: str) -> Masked:
        """`text` with everything that tells who somebody is replaced."""
        found = find_pii(text, self._patterns)
        if not found:
            return Masked(text, text)
        pieces, replaced, at, length = [], [], 0, 0
        for one in found:
            new = self.stand_in(one)
            pieces += [text[at : one.start], new]
            start = length + one.start - at
            length = start + len(new)
            replaced.append(Replaced(one.kind, one.start, one.end, one.text, start, length, new))
            at = one.end
        return Masked(text, "".join([*pieces, text[at:]]), tuple(replaced))

    def name(self, name: str) -> str:
        """A speaker's name as it is written in groups."""
        return self.mask(name).after

    def stand_in(self, found: PiiMatch) -> str:
        """What stands in the place of `found`."""
        key = found.kind, _value(found)
        if key not in self._known:
            self._known[key] = self._new(found, key[1])
        known = self._known[key]
        return _written_like(known, found.text) if found.kind in WITH_DIGITS else known

    def _new(self, found: PiiMatch, value: str) -> str:
        if found.kind is PiiType.NAME:
            script = script_of(found.text)
            return self._next(script, lambda chance: _names(script, chance, self._taken))
        if found.kind is PiiType.PHONE:
            plan = _plan(value)
            return self._next(f"phone {plan}", lambda chance: _phones(plan, chance))
        if found.kind is PiiType.KEY:
            return _key_like(found.text, self._next("key", lambda _: (str(n) for n in range(1, 10**9))))
        return self._next(found.kind.value, MAKERS[found.kind])

    def _next(self, stream: str, make: Callable[[random.Random], Iterator[str]]) -> str:
        if stream not in self._streams:
            self._streams[stream] = make(random.Random(f"{self.seed}/{stream}"))
        return next(self._streams[stream])


def counts(masked: Sequence[Masked]) -> dict[PiiType, int]:
    """How much was replaced, by kind, in the order of Secret; kinds without any are left out."""
    counted = Counter(one.kind for text in masked for one in text.replaced)
    return {kind: counted[kind] for kind in PiiType if counted[kind]}


WITH_DIGITS = (PiiType.PHONE, PiiType.POSTAL, PiiType.CARD, PiiType.MY_NUMBER)


def _value(found: PiiMatch) -> str:
    """What two ways of writing the same have in common."""
    if found.kind is PiiType.PHONE:
        import phonenumbers

        region = "JP" if found.text.lstrip("(（ ")[:1] in "0０+＋" else "US"
        parsed = phonenumbers.parse(found.text, region)
        return f"+{parsed.country_code} {parsed.national_number}"
    if found.kind in WITH_DIGITS:
        return digits_of(found.text)
    return found.text.casefold() if found.kind in (PiiType.NAME, PiiType.EMAIL) else found.text


def _written_like(digits: str, text: str) -> str:
    """`digits` with the punctuation of `text` where both have as many; else as they stand."""
    places = [c.isdecimal() for c in text]
    plain = digits_of(digits)
    if sum(places) == len(plain):
        following = iter(plain)
        return "".join(next(following) if place else c for c, place in zip(text, places, strict=True))
    return digits


def _shuffled(size: int, chance: random.Random) -> Iterator[int]:
    """All numbers below `size`, each once, in an order that only `chance` decides; then again from the start."""
    step, start = 0, chance.randrange(size)
    while step == 0 or _common(step, size) != 1:
        step = chance.randrange(1, size)
    n = 0
    while True:
        yield (start + n * step) % size
        n += 1


def _common(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return a


def _plan(value: str) -> str:
    """Which numbers may stand in the place of a telephone number, "+81 9012345678"."""
    country, national = value[1:].split(" ")
    if country == "81":
        mobile = len(national) == 10 and national[:2] in ("60", "70", "80", "90")
        return f"mobile {national[:2]}" if mobile else "home"
    return "uk" if country == "44" else "us"


def _phones(plan: str, chance: random.Random) -> Iterator[str]:
    """Numbers that nobody has: in Japan no exchange begins with 0; elsewhere those kept for films and books."""
    if plan.startswith("mobile"):
        yield from (f"0{plan[-2:]}-0{n // 10**4:03}-{n % 10**4:04}" for n in _shuffled(10**7, chance))
    if plan == "home":
        yield from (f"03-0{n // 10**4:03}-{n % 10**4:04}" for n in _shuffled(10**7, chance))
    if plan == "uk":
        yield from (f"+44 7700 900{n:03}" for n in _shuffled(1000, chance))
    areas = ("202", "212", "303", "312", "404", "415", "503", "512", "617", "702")
    yield from (f"+1 {areas[n // 100]}-555-01{n % 100:02}" for n in _shuffled(1000, chance))


def _emails(chance: random.Random) -> Iterator[str]:
    words = ("haru", "natsu", "aki", "fuyu", "sora", "umi", "kaze", "yuki", "hoshi", "mori")
    yield from (f"{words[n % 10]}{n // 10:03}@example.com" for n in _shuffled(10_000, chance))


def _links(chance: random.Random) -> Iterator[str]:
    yield from (f"https://example.com/{n:05x}" for n in _shuffled(16**5, chance))


def _postal(chance: random.Random) -> Iterator[str]:
    """No place has a code that begins with 000."""
    yield from (f"〒000-{n:04}" for n in _shuffled(10**4, chance))


def _addresses(chance: random.Random) -> Iterator[str]:
    towns = ("見本町", "仮名町", "例示町", "架空町", "作例町", "試作町", "模擬町", "無名町")
    for n in _shuffled(len(towns) * 9 * 20 * 20, chance):
        town, house = towns[n % 8], n // 8
        yield f"東京都中央区{town}{house % 9 + 1}-{house // 9 % 20 + 1}-{house // 180 + 1}"


def _cards(chance: random.Random) -> Iterator[str]:
    """Right by their check digit, of a number range that payment firms keep for tests."""
    for n in _shuffled(10**7, chance):
        body = f"40000000{n:07}"
        check = next(d for d in "0123456789" if luhn(body + d))
        yield " ".join((body + check)[k : k + 4] for k in range(0, 16, 4))


def _my_numbers(chance: random.Random) -> Iterator[str]:
    for n in _shuffled(10**6, chance):
        body = f"00000{n:06}"
        yield f"{body}{my_number_check(body)}"


MAKERS: Mapping[PiiType, Callable[[random.Random], Iterator[str]]] = {
    PiiType.EMAIL: _emails,
    PiiType.URL: _links,
    PiiType.POSTAL: _postal,
    PiiType.ADDRESS: _addresses,
    PiiType.CARD: _cards,
    PiiType.MY_NUMBER: _my_numbers,
}


def _names(script: str, chance: random.Random, taken: set[str]) -> Iterator[str]:
    """Names of one script; when all are used, two of them together."""
    pool = [name for name in STAND_INS[script].split() if name.casefold() not in taken]
    chance.shuffle(pool)
    yield from pool
    joint = " " if script == "latin" else ""
    yield from (f"{pool[n % len(pool)]}{joint}{pool[n // len(pool)]}" for n in _shuffled(len(pool) ** 2, chance))


def _key_like(text: str, number: str) -> str:
    """A key that opens nothing: what it begins with, so that it still looks like one, and a number."""
    if text.startswith("-----BEGIN"):
        return f"-----BEGIN PRIVATE KEY-----\nEXAMPLE{number}\n-----END PRIVATE KEY-----"
    cut = max(text.find("_"), text.find("-")) + 1
    prefix = text[:cut] if 0 < cut <= 8 else ""
    return f"{prefix}EXAMPLE{number.zfill(4)}".ljust(min(len(text), 40), "x")
