"""The form of a plan, and what it says as a plan's settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import gradio as gr

from core.catalogue.bundled import FOLDER
from core.errors import InputError
from core.models.loading import LoadedModel
from core.personas import Persona
from core.synth.backends import STANDARD_INPUT
from core.synth.plan import Plan, plan_from
from tabs.ui.form import Form, PagePart
from tabs.ui.services import Services
from tabs.ui.text import LANGUAGES, t, t_client, t_heading
from tabs.ui.upload_button import build_upload
from tabs.ui.visitor import Visitor

LOCAL, REMOTE, ADAPTER = "local", "remote", "adapter:"
DIALOGUES, EXCHANGES = 74, 6  # at first: each built-in question once
RECORDS = [".csv", ".jsonl", ".json", ".parquet"]
SIDES = ("persona_side", "user_side", "judge_side")
Sides = Literal["persona_side", "user_side", "judge_side"]


@dataclass(frozen=True)
class PlanForm(Form):
    """The form's values."""

    persona: str | None
    who: str | None
    spread: str
    dialogues: float | None
    exchanges: float | None
    persona_side: str | None
    user_side: str | None
    judge_side: str | None
    first: str
    temperatures: str | None
    seed: float | None
    language: str
    users_file: str
    openings_file: str

    def chosen_persona(self, services: Services, visitor: Visitor) -> Persona:
        """Raises InputError where there is none."""
        return services.personas.get(visitor.owner, self.persona or "", self.language)

    def settings(self, services: Services, visitor: Visitor) -> Mapping[str, object]:
        """As a plan's file has them, but for the persona and the files. Raises InputError, ModelError."""
        try:
            temperatures = [
                float(one) for one in (self.temperatures or "").replace("、", ",").split(",") if one.strip()
            ]
        except ValueError as error:
            raise InputError(
                f"The temperatures are “{self.temperatures}”; write numbers such as 0.3, 0.7.",
                f"温度が「{self.temperatures}」です。0.3, 0.7 のように数字で書いてください。",
            ) from error
        backends = {name.replace("_side", "_backend"): backend_of(services, visitor, getattr(self, name) or LOCAL)
                    for name in SIDES}  # fmt: skip
        return {
            "language": self.language, "dialogues": int(self.dialogues or 0) if self.spread == "balanced" else 0,
            "exchanges": int(self.exchanges or 0), "first": self.first, "temperatures": temperatures,
            "seed": int(self.seed or 0), "who": (self.who or "").strip(), **backends,
        }  # fmt: skip

    def files(self) -> Mapping[str, Path]:
        """What was uploaded in place of the built-in people and questions."""
        given = {"users": self.users_file, "openings": self.openings_file}
        return {name: Path(file) for name, file in given.items() if file and Path(file).is_file()}

    def plan(self, services: Services, visitor: Visitor) -> Plan:
        """The plan as it is on the page, kept nowhere."""
        value = {**self.settings(services, visitor), **{name: str(path) for name, path in self.files().items()}}
        return plan_from(value, Path(), self.chosen_persona(services, visitor))


def backend_of(services: Services, visitor: Visitor, side: str) -> Mapping[str, object]:
    """A side of the form as a plan's file has it. Raises InputError where the server or the adapter is gone."""
    if side == REMOTE:
        remote = services.chat.remotes.of(visitor.owner)
        if remote is None:
            raise InputError(
                "No server is connected any more. Connect to it on the Chat tab, or choose another model.",
                "サーバーにつながっていません。「話す」タブでつなぐか、別のモデルを選んでください。",
            )
        price = services.chat.costs.price(visitor.owner, remote)
        return {
            "kind": "remote", "model": remote.name, "url": remote.server.url, "window": remote.context,
            "key_file": STANDARD_INPUT, "price": {"prompt": price.prompt, "reply": price.reply},
        }  # fmt: skip
    model = model_name(services.models.current())
    if side.startswith(ADAPTER):
        return {"model": model, "adapter": str(services.adapters.get(visitor.owner, side[len(ADAPTER) :]).folder)}
    return {"model": model}


def model_name(loaded: LoadedModel) -> str:
    """What another process loads the same model by."""
    return "" if loaded.folder.resolve() == FOLDER.resolve() else loaded.name


def side_choices(services: Services, visitor: Visitor) -> list[tuple[str, str]]:
    """(label, side) of every model that may speak."""
    name = services.models.status.name or "—"
    choices = [(t(visitor.language, "create.side_local", name=name), LOCAL)]
    choices += [
        (t(visitor.language, "create.side_adapter", name=name, adapter=one.name), f"{ADAPTER}{one.name}")
        for one in services.adapters.list_all(visitor.owner)
    ]
    if remote := services.chat.remotes.of(visitor.owner):
        choices.append((t(visitor.language, "create.side_remote", name=remote.name), REMOTE))
    return choices


def build() -> dict[str, PagePart]:
    """The form's components by name, with "try", "make", "estimate" and what belongs to own files."""
    page: dict[str, PagePart] = {}
    gr.Markdown(t_heading("create.plan"), elem_classes="title")
    page["persona"] = gr.Dropdown(choices=[], label=t_client("create.persona"), elem_id="create-persona")
    page["more"] = gr.Button(t_client("create.more_like_this"), size="sm", elem_id="create-more")
    page["who"] = gr.Textbox(label=t_client("create.who"), info=t_client("create.who_info"), max_lines=1,
                             elem_id="create-who")  # fmt: skip
    page["spread"] = gr.Radio(
        choices=[(t_client(f"create.spread_{one}"), one) for one in ("balanced", "full")], value="balanced",
        label=t_client("create.spread"), elem_id="create-spread",
    )  # fmt: skip
    with gr.Row(elem_classes="bare"):
        page["dialogues"] = gr.Number(DIALOGUES, minimum=1, precision=0, label=t_client("create.dialogues"),
                                      min_width=120, elem_id="create-dialogues")  # fmt: skip
        page["exchanges"] = gr.Number(EXCHANGES, minimum=1, maximum=100, precision=0, min_width=120,
                                      label=t_client("create.exchanges"), elem_id="create-exchanges")  # fmt: skip
    for name in SIDES:
        page[name] = gr.Dropdown(choices=[], label=t_client(f"create.{name}"), elem_id=f"create-{name}")
    gr.Markdown(t_client("create.side_hint"), elem_classes="muted")
    with gr.Accordion(t_client("create.finer"), open=False, elem_id="create-finer"):
        _build_finer(page)
    page["estimate"] = gr.HTML(padding=False, elem_id="create-estimate")
    with gr.Row(elem_classes="actions"):
        page["make"] = gr.Button(t_client("create.make"), variant="primary", elem_id="create-make")
        page["try"] = gr.Button(t_client("create.try"), elem_id="create-try")
    return page


def _build_finer(page: dict[str, PagePart]) -> None:
    page["language"] = gr.Radio(
        choices=[(t_client(f"create.language_{one}"), one) for one in LANGUAGES], value="ja",
        label=t_client("create.language"), elem_id="create-language",
    )  # fmt: skip
    page["first"] = gr.Radio(
        choices=[(t_client(f"create.first_{one}"), one) for one in ("persona", "user")], value="persona",
        label=t_client("create.first"), elem_id="create-first",
    )  # fmt: skip
    page["temperatures"] = gr.Textbox("0.3, 0.7", label=t_client("create.temperatures"), max_lines=1,
                                      elem_id="create-temperatures")  # fmt: skip
    page["seed"] = gr.Number(0, minimum=0, precision=0, label=t_client("create.seed"), elem_id="create-seed")
    gr.Markdown(t_client("create.own_columns"), elem_classes="muted")
    for kind in ("users", "openings"):
        page[f"{kind}_file"] = gr.State("")
        page[f"{kind}_preview"] = gr.HTML(padding=False, elem_id=f"create-{kind}-preview")
        with gr.Row(elem_classes="actions"):
            page[f"{kind}_upload"] = build_upload(f"create.own_{kind}", f"create-{kind}", types=RECORDS)
            page[f"{kind}_away"] = gr.Button(t_client("create.own_away"), size="sm", visible=False)
