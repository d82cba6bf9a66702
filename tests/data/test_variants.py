"""Variants: the grid of a log, and figures that agree with counting by hand."""

from dataclasses import replace
from itertools import islice

import pytest

from core.data.io.export import Export, samples
from core.data.recipe import Recipe
from core.data.variants import Variant, VariantGrid, variants, with_preamble
from core.errors import InputError
from tests.data.test_rows import Letters, log_of, say, talk

LINE = "あなたはPです。"


def talks() -> list:
    return [m for day in range(10) for m in (*talk("AAPPAP", minute=day * 1440), say("P", "うん", day * 1440))]


def make(**choices: object) -> list[Variant]:
    grid = replace(VariantGrid(), **choices)
    made = list(variants(log_of(*talks()), "P", counter=Letters(), budget=999, count=len, grid=grid, language="ja"))
    assert len(made) == len(grid)
    return made


def test_the_whole_grid():
    made = make()
    assert len({variant.name for variant in made}) == 36
    assert "1-none-newline-raw" in {variant.name for variant in made}
    assert all(variant.prepared.ledger.missing == 0 for variant in made)


def test_the_figures_of_pairs_counted_by_hand():
    """Each day: "A0 A1" → "P2 P3", and "A4" → "P5 うん"."""
    figures = make(exchanges=(1,), preambles=("none",), bursts=("newline",), cleaned=(False,))[0].statistics
    marks = len("### 指示:<NL><NL><NL>### 回答:<NL>")
    first, second = marks + len("A0<NL>A1P2<NL>P3"), marks + len("A4P5<NL>うん")
    assert (figures.dialogues, figures.samples) == (10, 20)
    assert (figures.tokens, figures.longest, figures.shortest) == (10 * (first + second), first, second)
    assert figures.mean == (first + second) / 2
    assert (figures.user_mean, figures.persona_mean) == (
        (len("A0\nA1") + len("A4")) / 2,
        len("P2\nP3" + "P5\nうん") / 2,
    )


def test_the_line_makes_every_sample_longer_and_nothing_else():
    plain, lined = make(exchanges=(2,), preambles=("none", "statement"), bursts=("newline",), cleaned=(False,))
    assert lined.preamble == LINE and lined.prepared is plain.prepared
    assert lined.statistics.mean == plain.statistics.mean + len(LINE)
    assert lined.statistics.user_tokens == plain.statistics.user_tokens


def test_each_message_as_a_sample_makes_more_samples_of_the_same_talks():
    whole, each = make(exchanges=(2,), preambles=("none",), bursts=("newline", "each"), cleaned=(False,))
    assert (whole.statistics.dialogues, each.statistics.dialogues) == (10, 10)
    assert (whole.statistics.samples, each.statistics.samples) == (10, 40)


def test_a_statement_says_who_the_persona_is():
    grid = VariantGrid((1,), ("statement",), ("newline",), (False,))
    made = variants(log_of(*talks()), "P", counter=Letters(), budget=999, count=len, grid=grid, description="庭師のP")
    assert next(made).preamble == "あなたは庭師のPです。"


def test_variants_are_made_as_they_are_asked_for():
    counted = []
    made = variants(log_of(*talks()), "P", counter=Letters(), budget=999, count=lambda text: counted.append(text) or 1)
    first = len(list(islice(made, 1))) and len(counted)
    assert first and len(list(made)) == 35 and len(counted) > first
    assert len(counted) == len(set(counted))


def test_rows_with_the_line_are_what_the_export_writes():
    for variant in make(exchanges=(2,), bursts=("newline",), cleaned=(False,)):
        lined = with_preamble(variant.prepared, variant.preamble, Letters())
        assert list(samples(lined.train, Export("messages"))) == list(
            samples(variant.prepared.train, Export("messages", preamble=variant.preamble))
        )
        assert all(row.tokens == tuple(map(Letters().turn, row.turns)) for row in lined.train)


def test_a_row_that_the_persona_opens_gets_the_line_before_it():
    grid = VariantGrid((2,), ("address",), ("each",), (False,))
    log = log_of(*talk("PAPP"))
    made = next(
        variants(log, "P", counter=Letters(), budget=999, count=len, grid=grid, base=Recipe(validation_share=0.0))
    )
    rows = with_preamble(made.prepared, made.preamble, Letters()).train
    assert [row.turns[0].messages for row in rows] == [("P,",)] * 3  # no language: the name's letters decide
    assert [row.trained_messages for row in rows] == [1, 1, 1]
    assert all(row.is_trained(len(row.turns) - 1) for row in rows)


def test_a_grid_without_a_variant_is_told():
    with pytest.raises(InputError, match="no variant"):
        make(preambles=())
    with pytest.raises(InputError, match="no variant"):
        make(exchanges=(0,))
