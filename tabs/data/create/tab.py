"""The part "from AI dialogues" of the Data tab: a plan at the left, what becomes of it at the right."""

import gradio as gr

from tabs.data.create import plan_form, results, review
from tabs.data.create.handlers import CreateHandlers, CreateView
from tabs.data.create.plan_form import SIDES, PlanForm
from tabs.data.sets.saved_sets import SavedHandlers
from tabs.ui.form import PagePart, parts
from tabs.ui.handler import EVENT
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t_client, t_heading

RECOUNT = ("persona", "spread", "dialogues", "exchanges", *SIDES, "first", "temperatures", "seed", "language")


def build(services: Services, shared: Shared, saved: gr.Radio, card: gr.Column) -> None:
    """`saved` and `card` are the list of saved data sets and its card, which are told of new ones."""
    handlers, (page, right) = CreateHandlers(services), _columns()
    plan = page["plan"]
    assert isinstance(plan, gr.State)
    listing = SavedHandlers(services)
    with right:
        reviewing = review.build()
        made = results.build(
            services, shared, plan, (reviewing.tone, reviewing.coherence),
            lambda event: event.then(listing.refresh_list, [shared.key, saved], [saved, card], **EVENT),
        )  # fmt: skip
    page |= {"review_card": reviewing.card, "review": reviewing.html, "results_card": made.card}
    review.wire(services, shared, plan, reviewing)
    _wire(handlers, shared, page, reviewing)


def _columns() -> tuple[dict[str, PagePart], gr.Column]:
    """The components by name, and the column to go on in."""
    with gr.Row(elem_classes="columns", elem_id="create-page"):
        with gr.Column(scale=6, min_width=280):
            plans = gr.Dropdown(choices=[], visible=False, label=t_client("create.plans"), elem_id="create-plans")
            with gr.Column(elem_classes="card", elem_id="create-form") as form_card:
                page = plan_form.build()
            page |= {"plans": plans, "form_card": form_card, "plan": gr.State("")}
            _build_plan_card(page)
        with gr.Column(scale=14, min_width=320, elem_classes="middle") as right:
            page["now"] = _build_intro()
    return page, right


def _build_intro() -> gr.HTML:
    """What this is for; returns where it says how the plan stands."""
    with gr.Column(elem_classes=["card", "create-intro"]):
        gr.Markdown(t_heading("create.title"), elem_classes="big")
        gr.Markdown(t_client("create.what"), elem_classes="muted")
        return gr.HTML(padding=False, elem_id="create-now")


def _build_plan_card(page: dict[str, PagePart]) -> None:
    with gr.Column(elem_classes="card", visible=False, elem_id="create-plan-card") as page["plan_card"]:
        gr.Markdown(t_heading("create.plan"), elem_classes="title")
        page["facts"] = gr.HTML(padding=False, elem_id="create-facts")
        with gr.Row(elem_classes="actions"):
            page["start"] = gr.Button("…", variant="primary", visible=False, elem_id="create-start")
            page["stop"] = gr.Button(t_client("create.stop"), visible=False, elem_id="create-stop")
            page["judge"] = gr.Button(
                t_client("create.judge"), visible=False, variant="primary", elem_id="create-judge"
            )
        with gr.Row(elem_classes="actions"):
            page["new"] = gr.Button(t_client("create.new"), size="sm", elem_id="create-new")
            page["delete"] = gr.Button(t_client("create.delete"), size="sm", variant="stop", elem_id="create-delete")
        with gr.Column(visible=False, elem_classes="bare") as page["sure"]:
            gr.Markdown(t_client("create.delete_sure"), elem_classes="muted")
            with gr.Row(elem_classes="actions"):
                page["yes"] = gr.Button(t_client("create.delete_yes"), size="sm", variant="stop",
                                        elem_id="create-delete-yes")  # fmt: skip
                page["no"] = gr.Button(t_client("create.delete_no"), size="sm")


def _wire(handlers: CreateHandlers, shared: Shared, page: dict, reviewing: review.ReviewParts) -> None:
    seen = parts(page, CreateView._fields)
    form = PlanForm.inputs(page)
    where = [shared.key, page["plan"]]
    sides = parts(page, SIDES)
    arriving = [page["persona"], *sides, page["language"], page["users_preview"], page["openings_preview"], *seen]
    count = {"fn": handlers.estimated, "inputs": [shared.key, *form], "outputs": page["estimate"], **EVENT}
    shared.opened("data")(handlers.arrive, shared.key, arriving, **EVENT)
    gr.on([page[name].change for name in RECOUNT], trigger_mode="always_last", **count)
    page["more"].click(handlers.more_like_this, shared.key, page["persona"], **EVENT)
    page["make"].click(handlers.make, [shared.key, *form], seen, **EVENT)
    page["try"].click(handlers.make_some, [shared.key, *form], seen, **EVENT)
    page["plans"].input(handlers.choose, [shared.key, page["plans"]], seen, **EVENT)
    page["new"].click(handlers.new, shared.key, seen, **EVENT)
    page["start"].click(handlers.start, where, seen, **EVENT)
    page["stop"].click(handlers.stop, where, seen, trigger_mode="multiple", **EVENT)
    page["judge"].click(handlers.judge, where, seen, **EVENT)
    page["delete"].click(lambda: gr.Column(visible=True), None, page["sure"], queue=False, **EVENT)
    page["no"].click(lambda: gr.Column(visible=False), None, page["sure"], queue=False, **EVENT)
    page["yes"].click(handlers.delete, where, seen, **EVENT)
    looking = [*where, reviewing.chosen, reviewing.tone, reviewing.coherence]
    shared.changed["dialogues"].click(handlers.refresh, looking, seen, trigger_mode="always_last", **EVENT)
    gr.on([shared.changed["status"].click], handlers.sides, [shared.key, *sides], sides, **EVENT)
    for kind, take in (("users", handlers.take_users), ("openings", handlers.take_openings)):
        own = parts(page, (f"{kind}_upload", f"{kind}_file", f"{kind}_preview", f"{kind}_away"))
        page[f"{kind}_upload"].upload(take, [shared.key, page[f"{kind}_upload"]], own, **EVENT).success(**count)
    both = parts(page, [f"{kind}_{part}" for kind in ("users", "openings") for part in ("file", "preview", "away")])
    back = [page["language"].input, page["users_away"].click, page["openings_away"].click]
    gr.on(back, handlers.put_back, [shared.key, page["language"]], both, **EVENT).then(**count)
