"""Which model suits this machine: by its memory, and by how fast it would speak, which a short measurement says.

On a CPU every token fetches all weights, so `core.models.precision.cpu_speeds` (measured once, about two seconds, and
kept) tells the pace; on a GPU of its own memory alone decides, as nothing is measured there. Imports torch late.
"""

from dataclasses import dataclass

from core.catalogue.catalogue import CatalogueEntry, suggested
from core.models.options import Quantization
from core.models.precision import cpu_speeds, speeds_are_known
from core.models.sizing.machine import FitRating, Machine, fits, this_machine
from core.models.sizing.requirements import QUANTIZATIONS, ModelRequirements
from core.text import Text, format_bytes

PERSONA = 300  # tokens that are read before the first word
COMFORTABLE = 5.0  # tokens a second, about as fast as a person reads
PATIENCE = 20.0  # seconds until the first word
LAYER_SECONDS = 0.5e-3  # of a token in one layer, besides fetching: 13.0 ms for 10 layers of 91 M weights, 7.4 fetched
RANKS: tuple[FitRating, ...] = ("fits", "tight", "unknown", "too big")


@dataclass(frozen=True)
class TalkingSpeed:
    """How fast a model would talk on a CPU, about."""

    tokens_per_second: float
    first_word: float
    """Seconds to read PERSONA tokens."""

    @property
    def comfortable(self) -> bool:
        """Whether one would wait for it gladly."""
        return self.tokens_per_second >= COMFORTABLE and self.first_word <= PATIENCE


@dataclass(frozen=True)
class Suitability:
    """A model of the catalogue on this machine."""

    entry: CatalogueEntry
    quantization: Quantization
    """The most bits in which it fits."""
    fit: FitRating
    download: int | None
    """Bytes to be fetched."""
    memory: int | None
    """Bytes while it talks."""
    pace: TalkingSpeed | None
    """None where it was not measured, as on a GPU."""
    reason: Text

    @property
    def suits(self) -> bool:
        """It fits, and nobody waits long for it."""
        return self.fit == "fits" and (self.pace is None or self.pace.comfortable)


def suitability(entry: CatalogueEntry, machine: Machine | None = None, *, measure: bool = True) -> Suitability:
    """How a model of the catalogue would do on `machine`, without fetching anything.

    Without `measure` its pace is told only where this process has measured the processor before.
    """
    machine = machine or this_machine()
    needs = ModelRequirements.of_entry(entry)
    quantization = needs.best(machine)
    memory = needs.memory(next(bits for bits, how in QUANTIZATIONS.items() if how == quantization))
    fit = fits(memory, machine)
    known = machine.vram is None and (measure or speeds_are_known())
    pace = _pace(entry) if known else None
    download = entry.parameters * (entry.stored_bits or 16) // 8 if entry.parameters else None
    return Suitability(entry, quantization, fit, download, memory, pace, _reason(fit, memory, machine, pace))


def ranked(machine: Machine | None = None, *, measure: bool = True) -> tuple[Suitability, ...]:
    """What a newcomer is shown, best first: the largest that suits; then by how well they fit, the quickest first.

    Where a processor was not measured the small ones come first.
    """
    machine = machine or this_machine()
    found = [suitability(entry, machine, measure=measure) for entry in suggested()]
    suiting = [each for each in found if each.suits]
    if machine.vram is None and not any(each.pace for each in found):
        suiting.reverse()
    rest = sorted((each for each in found if not each.suits), key=lambda each: RANKS.index(each.fit))
    return (*reversed(suiting), *rest)


def suggested_model(machine: Machine | None = None, *, measure: bool = True) -> Suitability | None:
    """The model to offer with one click: the best that suits and asks for no consent; None where none fits.

    Without `measure` also where nothing tells yet how fast it would talk.
    """
    machine = machine or this_machine()
    found = ranked(machine, measure=measure)
    if machine.vram is None and not any(each.pace for each in found):
        return None
    open_to_all = [each for each in found if not each.entry.gated and each.fit in ("fits", "tight")]
    return open_to_all[0] if open_to_all else None


def _pace(entry: CatalogueEntry) -> TalkingSpeed | None:
    if not entry.parameters or not entry.layers:
        return None
    speeds = cpu_speeds()
    if not speeds.measured:
        return None
    kind = speeds.talks_in
    token = entry.parameters / speeds.fetch[kind] + entry.layers * LAYER_SECONDS
    return TalkingSpeed(1 / token, PERSONA * 2 * entry.parameters / speeds.matmul[kind])


def _reason(fit: FitRating, memory: int | None, machine: Machine, pace: TalkingSpeed | None) -> Text:
    need = format_bytes(memory) if memory else "?"
    there = f"{machine.memory / 1e9:.0f} GB"
    room = {
        "fits": Text(f"takes {need} of {there}", f"メモリー {there} のうち {need}"),
        "tight": Text(f"takes {need} of {there}: tight", f"メモリー {there} のうち {need}（ぎりぎり）"),
        "too big": Text(f"takes {need}, there are {there}", f"{need} 必要（{there} しかない）"),
        "unknown": Text("its memory is not known", "必要なメモリーは不明"),
    }[fit]
    if pace is None:
        return room
    rate, wait = f"{pace.tokens_per_second:.0f}", f"{max(1, pace.first_word):.0f}"
    slow = pace.tokens_per_second < 1
    rate = "<1" if slow else rate
    return Text(
        f"{room.en}; about {rate} tokens a second, first word after {wait} s, by what was measured here",
        f"{room.ja}、毎秒約 {rate} トークン、最初の一言まで約 {wait} 秒（このマシンで計測した速さから）",
    )
