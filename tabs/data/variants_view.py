"""The variants of a log: made by one button, laid side by side in a table and a picture, one of them chosen."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape

import gradio as gr

from core.codec import codec_of
from core.data.recipe import Recipe
from core.data.variants import Grid, variants
from core.errors import AppError, InputError
from core.models.loading import LoadedModel
from core.prompt import meter
from tabs.data.desk import Desk
from tabs.data.log_view import working
from tabs.data.open_log import Compared, OpenLog
from tabs.data.rows import CountingMeter, contract_of, is_japanese
from tabs.frame.errors import shows_errors
from tabs.frame.steps import Finished, in_words, steps
from tabs.frame.text import label, say

FIGURES = ("dialogues", "samples", "tokens", "mean", "longest", "shortest", "user_mean", "persona_mean")
WIDTH, HEIGHT, LEFT, UNDER = 560, 200, 46, 34  # of the picture, in its own units


@dataclass(frozen=True)
class VariantHandlers:
    """Makes and shows the variants. Choosing one is the opening's business, for it makes the rows anew."""

    desk: Desk

    @shows_errors
    def compare(self, key: str, log: str, request: gr.Request, token: gr.OAuthToken | None = None) -> Iterator[tuple]:
        """(how it goes, table and picture, the list to choose from, the part with the list)."""
        visitor = self.desk.services.visitor(key, request, token)
        opened, loaded = self.desk.with_rows(visitor, log), self.desk.model()
        language = visitor.language
        skips = (gr.skip(), gr.skip(), gr.skip())
        yield working(say(language, "data.comparing", n=0, all=len(Grid()))), *skips
        try:
            for step in steps(lambda report: _compared(opened, loaded, language, report)):
                if not isinstance(step, Finished):
                    yield working(step), *skips
                    continue
                now = self.desk.logs.get(visitor.owner)
                if now and now.choices.file == opened.choices.file:
                    self.desk.logs.remember(visitor.owner, replace(now, compared=step.value))
                yield "", *shown(replace(opened, compared=step.value), language)
        except AppError as error:
            yield in_words(error, language), *skips
            raise

    @shows_errors
    def standing(
        self, key: str, log: str, request: gr.Request, token: gr.OAuthToken | None = None
    ) -> tuple[str, gr.Dropdown, gr.Column]:
        """What was compared before for the log that is open now: (table and picture, list, part with the list)."""
        visitor = self.desk.services.visitor(key, request, token)
        opened = self.desk.logs.get(visitor.owner)
        if opened is None or opened.choices.file != log:
            return "", gr.Dropdown(choices=[], value=None), gr.Column(visible=False)
        return shown(opened, visitor.language)


def chosen(opened: OpenLog, name: str | None) -> Compared:
    """The variant of that name. Raises InputError when it is not there any more."""
    found = next((one for one in opened.compared if one.name == name), None)
    if found is None:
        raise InputError(
            "Choose a variant in the list. If it is empty, compare them again: the log or the persona has changed.",
            "一覧から選んでください。空のときは、もう一度くらべてください（記録か人格が変わりました）。",
        )
    return found


def _compared(
    opened: OpenLog, loaded: LoadedModel, language: str, report: Callable[[str], None]
) -> tuple[Compared, ...]:  # fmt: skip
    grid, made = Grid(), []
    measure = meter(contract_of(opened, loaded, language), loaded.tokenizer)
    counting = CountingMeter(measure, opened.sizes, lambda _: None)
    described = opened.description if opened.persona in opened.choices.descriptions else ""
    for one in variants(
        opened.log, opened.persona, meter=counting, budget=opened.budget, count=codec_of(loaded.tokenizer).size,
        grid=grid, base=opened.choices.recipe, description=described,
        language="ja" if is_japanese(opened.log) else "en",
    ):  # fmt: skip
        made.append(Compared(one.name, one.exchanges, one.line_kind, one.prepared.recipe, one.statistics))
        report(say(language, "data.comparing", n=len(made), all=len(grid)))
    return tuple(made)


def shown(opened: OpenLog, language: str) -> tuple[str, gr.Dropdown, gr.Column]:
    """(table and picture, the list with what stands now chosen, the part with the list)."""
    made = opened.compared
    if not made:
        return "", gr.Dropdown(choices=[], value=None), gr.Column(visible=False)
    now = standing(opened)
    choices = [(title(one, language), one.name) for one in made]
    html = f"{picture(made, now, language)}{table(made, now, language)}"
    return html, gr.Dropdown(choices=choices, value=now or made[0].name), gr.Column(visible=True)


def standing(opened: OpenLog) -> str:
    """The name of the variant that the rows on the page are; "" for none of them."""
    choices = opened.choices
    return next((o.name for o in opened.compared if _way(o.recipe, o.line) == _way(choices.recipe, choices.line)), "")


def _way(recipe: Recipe, line: str) -> tuple:
    return recipe.shape, recipe.turns if recipe.shape != "pair" else 0, recipe.burst, recipe.clean, line


def title(one: Compared, language: str) -> str:
    """A variant in words."""
    said = (
        say(language, "data.variant_exchanges", n=one.exchanges), say(language, f"data.line_{one.line}"),
        say(language, f"data.variant_{one.recipe.burst}"),
        say(language, "data.variant_clean" if one.recipe.clean else "data.variant_raw"),
    )  # fmt: skip
    return ("・" if language == "ja" else " · ").join(said)


def table(made: Sequence[Compared], now: str, language: str) -> str:
    """A line for each variant with its figures; the one that stands is marked by a word too."""
    heads = "".join(f'<th scope="col">{escape(say(language, f"data.figure_{name}"))}</th>' for name in FIGURES)
    lines = []
    for one in made:
        figures = (getattr(one.statistics, name) for name in FIGURES)
        cells = "".join(f"<td>{n:,.1f}</td>" if isinstance(n, float) else f"<td>{n:,}</td>" for n in figures)
        mark = f"<b>{escape(say(language, 'data.variant_now'))}</b>" if one.name == now else ""
        css = ' class="now"' if mark else ""
        lines.append(f'<tr{css}><th scope="row">{escape(title(one, language))}{mark}</th>{cells}</tr>')
    name = escape(say(language, "data.variant"))
    return (
        f'<div class="variants num" tabindex="0"><table><thead><tr><th scope="col">{name}</th>{heads}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def picture(made: Sequence[Compared], now: str, language: str) -> str:
    """Each variant as a point: how many samples, and how long they are; a ring around the one that stands."""
    most_samples = max(one.statistics.samples for one in made) or 1
    longest = max(one.statistics.mean for one in made) or 1

    def x(samples: float) -> float:
        return LEFT + (WIDTH - LEFT - 16) * samples / most_samples

    def y(mean: float) -> float:
        return 10 + (HEIGHT - 16) * (1 - mean / longest)

    points = "".join(
        f'<circle class="{"cleaned" if one.recipe.clean else "raw"}{" each" * (one.recipe.burst == "each")}" '
        f'cx="{x(one.statistics.samples):.1f}" cy="{y(one.statistics.mean):.1f}" r="5">'
        f"<title>{escape(title(one, language))}</title></circle>"
        for one in made
    )
    ring = "".join(
        f'<circle class="ring" cx="{x(one.statistics.samples):.1f}" cy="{y(one.statistics.mean):.1f}" r="9"/>'
        for one in made
        if one.name == now
    )
    words = say(language, "data.variants_words", n=len(made), least=f"{min(o.statistics.samples for o in made):,}",
                most=f"{most_samples:,}", longest=f"{longest:,.0f}")  # fmt: skip
    return (
        f'<svg class="variants-picture" viewBox="0 0 {WIDTH} {HEIGHT + UNDER}" role="img" aria-label="{escape(words)}">'
        f'<line class="floor" x1="{LEFT}" x2="{WIDTH}" y1="{HEIGHT}" y2="{HEIGHT}"/>'
        f'<line class="floor" x1="{LEFT}" x2="{LEFT}" y1="0" y2="{HEIGHT}"/>'
        f'<text class="end" x="{LEFT - 6}" y="{y(longest) + 5:.1f}">{longest:,.0f}</text>'
        f'<text class="end" x="{LEFT - 6}" y="{HEIGHT}">0</text>'
        f'<text class="end" x="{WIDTH - 8}" y="{HEIGHT + 16}">{most_samples:,}</text>'
        f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT + 30}">{escape(say(language, "data.figure_samples"))}</text>'
        f'<text transform="rotate(-90 12 {HEIGHT / 2})" x="12" y="{HEIGHT / 2}">'
        f"{escape(say(language, 'data.figure_mean'))}</text>{points}{ring}</svg>"
        f'<p class="muted">{escape(words)} {escape(say(language, "data.variants_key"))}</p>'
    )


def build(desk: Desk, page: dict[str, gr.blocks.Block], key: gr.BrowserState) -> tuple[gr.Dropdown, gr.Button]:
    """The fold; returns the list and the button that takes what is chosen in it."""
    handlers = VariantHandlers(desk)
    with (
        gr.Column(elem_classes=["card", "fold"], elem_id="data-variants-card"),
        gr.Accordion(label("data.variants_fold"), open=False, elem_id="data-variants-fold"),
    ):
        gr.Markdown(label("data.variants_what"), elem_classes="muted")
        compare = gr.Button(label("data.compare"), size="sm", elem_id="data-compare")
        going = gr.HTML(padding=False, elem_id="data-comparing")
        made = gr.HTML(padding=False, elem_id="data-variants")
        with gr.Column(visible=False, elem_classes="bare") as choosing:
            variant = gr.Dropdown(choices=[], label=label("data.variant"), elem_id="data-variant")
            take = gr.Button(label("data.variant_take"), size="sm", elem_id="data-variant-take")
    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    here = [key, page["log"]]
    running = compare.click(handlers.compare, here, [going, made, variant, choosing], **quiet)
    page["ledger"].change(handlers.standing, here, [made, variant, choosing], **quiet)
    page["log"].change(lambda: "", None, going, cancels=[running], **quiet)
    return variant, take
