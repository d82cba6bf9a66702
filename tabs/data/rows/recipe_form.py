"""How rows are made, as a form: its components, what they show of a recipe, and the recipe that they say."""

from dataclasses import dataclass, replace

import gradio as gr
from gradio.i18n import I18nData

from core.data.gaps import GAP_STEPS, nearest_step
from core.data.io.export import PreambleKind
from core.data.log_choices import LogChoices
from core.data.open_log import SMALLEST_BUDGET, OpenLog
from core.data.recipe import Burst, Recipe, RowShape
from core.personas import check_description
from tabs.data.page import Page
from tabs.ui.form import Form
from tabs.ui.text import t, t_client

SHAPES: tuple[RowShape, ...] = ("conversation", "window", "pair")
BURSTS: tuple[Burst, ...] = ("newline", "separator", "each")
PREAMBLES: tuple[PreambleKind, ...] = ("none", "address", "statement")
MOST_LISTED = 50  # people of a large group whose names are put on the list at once
MOST_NAMES = 200  # to choose from; more can be typed
MOST_TURNS, MOST_CONTEXT, MOST_SHARE = 40, 10, 40  # on the sliders; shares in percent


@dataclass(frozen=True)
class RecipeForm(Form):
    """Who is learned and how rows are made. A cleared field is None."""

    persona: str | None
    description: str
    budget: float | None
    gap: float | None
    shape: RowShape
    burst: Burst
    separator: str | None
    clean: bool
    turns: float | None
    context: float | None
    validation: float | None
    test: float | None
    preamble: PreambleKind
    private: bool
    secrets: list[str] | None

    def applied(self, opened: OpenLog) -> LogChoices:
        """The choices about a log with those of the form. Names to replace begin with the others of the log.

        Raises InputError for what makes no recipe, and for a description that is too long.
        """
        choices = replace(opened.choices, recipe=self._recipe(opened), preamble_kind=self.preamble)
        if self.description.strip() != opened.description:
            written = {**choices.descriptions, opened.persona: check_description(self.description)}
            choices = replace(choices, descriptions=written)
        if self.persona and self.persona != opened.persona:
            choices = replace(choices, persona=self.persona)
        if self.budget and int(self.budget) != opened.budget and opened.budget:
            choices = replace(choices, budget=max(int(self.budget), SMALLEST_BUDGET))
        return choices

    def _recipe(self, opened: OpenLog) -> Recipe:
        old = opened.choices.recipe
        others = tuple(s.name for s in opened.speakers if s.name != opened.persona)[:MOST_LISTED]
        begins = self.private and not old.private and not old.names and not self.secrets
        gap = old.gap_minutes if self.gap is None else float(GAP_STEPS[_within(self.gap, len(GAP_STEPS) - 1)])
        recipe = replace(
            old,
            gap_minutes=gap,
            shape=self.shape,
            burst=self.burst,
            separator=self.separator or old.separator,
            clean=self.clean,
            turns=_within(self.turns, MOST_TURNS) // 2 * 2,
            context=_within(self.context, MOST_CONTEXT),
            validation_share=_share(self.validation, old.validation_share),
            test_share=_share(self.test, old.test_share),
            private=self.private,
            names=others if begins else tuple(self.secrets or ()),
        )
        if nearest_step(old.gap_minutes) == nearest_step(recipe.gap_minutes):
            recipe = replace(recipe, gap_minutes=old.gap_minutes)
        return recipe


def _within(value: float | None, most: int) -> int:
    return min(max(int(value or 0), 0), most)


def _share(percent: float | None, old: float) -> float:
    """A share; the old one where the slider stands on it."""
    if percent is None or round(100 * old) == round(percent):
        return old
    return _within(percent, MOST_SHARE) / 100


def values_of(opened: OpenLog) -> dict[str, object]:
    """The form's components by name, filled with what stands."""
    recipe = opened.choices.recipe
    return visible_for(recipe) | {
        "gap": nearest_step(recipe.gap_minutes),
        "shape": recipe.shape,
        "burst": recipe.burst,
        "clean": recipe.clean,
        "validation": round(100 * recipe.validation_share),
        "test": round(100 * recipe.test_share),
        "preamble": opened.choices.preamble_kind,
        "private": recipe.private,
        "separator": gr.Textbox(value=recipe.separator, visible=recipe.burst == "separator"),
        "turns": gr.Slider(value=recipe.turns, visible=recipe.shape != "pair"),
        "context": gr.Slider(value=recipe.context, visible=_has_context(recipe)),
        "secrets": secrets_of(opened),
    }


def visible_for(recipe: Recipe) -> dict[str, object]:
    """Those components that only some recipes need, shown or hidden; their values stay."""
    return {
        "separator": gr.Textbox(visible=recipe.burst == "separator"),
        "turns": gr.Slider(visible=recipe.shape != "pair"),
        "context": gr.Slider(visible=_has_context(recipe)),
    }


def secrets_of(opened: OpenLog) -> gr.Dropdown:
    """The list of names to replace, with the people of the log to choose from."""
    recipe = opened.choices.recipe
    names = [speaker.name for speaker in opened.speakers[:MOST_NAMES]]
    return gr.Dropdown(
        choices=list(dict.fromkeys((*recipe.names, *names))), value=list(recipe.names), multiselect=True,
        allow_custom_value=True, visible=recipe.private,
    )  # fmt: skip


def _has_context(recipe: Recipe) -> bool:
    return recipe.shape == "conversation" and recipe.burst != "each"


def choice_names(kind: str, values: tuple[str, ...]) -> list[tuple[str | I18nData, str | int | float]]:
    """The choices of a radio in the browser's language."""
    return [(t_client(f"data.{kind}_{value}"), value) for value in values]


def sentence(opened: OpenLog, language: str) -> str:
    """The recipe in one line, for the fold's head to be understood when it is closed."""
    recipe = opened.choices.recipe
    said = [t(language, f"data.shape_{recipe.shape}"), t(language, f"data.burst_{recipe.burst}")]
    said += [t(language, "data.clean")] if recipe.clean else []
    return "・".join(said) if language == "ja" else " · ".join(said)


def build(page: Page) -> None:
    """The fold "Adjust the rows"; adds its components to `page`. The gap and privacy have places of their own."""
    page["shape"] = gr.Radio(choice_names("shape", SHAPES), value="conversation", label=t_client("data.shape"),
                             info=t_client("data.shape_info"), elem_id="data-shape", elem_classes="list")  # fmt: skip
    page["burst"] = gr.Radio(choice_names("burst", BURSTS), value="newline", label=t_client("data.burst"),
                             info=t_client("data.burst_info"), elem_id="data-burst", elem_classes="list")  # fmt: skip
    page["separator"] = gr.Textbox(value="、", label=t_client("data.separator"), max_lines=1, visible=False,
                                   elem_id="data-separator")  # fmt: skip
    page["clean"] = gr.Checkbox(label=t_client("data.clean"), info=t_client("data.clean_info"), elem_id="data-clean")
    with gr.Accordion(t_client("data.finer"), open=False, elem_id="data-finer"):
        page["turns"] = gr.Slider(
            0,
            MOST_TURNS,
            0,
            step=2,
            label=t_client("data.turns"),
            info=t_client("data.turns_info"),
            elem_id="data-turns",
        )
        page["context"] = gr.Slider(0, MOST_CONTEXT, 0, step=1, label=t_client("data.context"),
                                    info=t_client("data.context_info"), elem_id="data-context")  # fmt: skip
        page["validation"] = gr.Slider(
            0,
            MOST_SHARE,
            10,
            step=1,
            label=t_client("data.validation"),
            info=t_client("data.validation_info"),
            elem_id="data-validation",
        )
        page["test"] = gr.Slider(0, MOST_SHARE, 0, step=1, label=t_client("data.test"), info=t_client("data.test_info"),
                                 elem_id="data-test")  # fmt: skip
        page["preamble"] = gr.Radio(choice_names("preamble", PREAMBLES), value="none", label=t_client("data.preamble"),
                                    info=t_client("data.preamble_info"), elem_id="data-preamble",
                                    elem_classes="list")  # fmt: skip
