"""The form as a file and as a command: to keep, to share, to train without the page."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import gradio as gr
from gradio.events import Dependency

from core.errors import InputError
from core.hub.redact import public_name
from core.train.config.run_file import LONGEST_FILE, RunRequest, settings_in, to_command, to_yaml
from tabs.train.advice_view import Advice
from tabs.train.form_values import FormValues, request_of
from tabs.train.settings import SettingsForm, changed
from tabs.ui.form import Control
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.text import t_client
from tabs.ui.upload_button import build_upload
from tabs.ui.visitor import Visitor


@dataclass(frozen=True)
class FileHandlers:
    """Writes what the form says, and reads settings into it."""

    services: Services

    @handler
    def write(
        self, visitor: Visitor, advice: Advice | None, form: FormValues, settings: SettingsForm
    ) -> tuple[str, str]:
        """(command, config.yaml) of the form; empty while no data set is chosen."""
        if not form.dataset or advice is None:
            return "", ""
        request = request_of(self.services, visitor, form, settings)
        if self.services.public:
            request = _without_paths(request)
        config = request.spec.config
        names = changed(config, advice.recommendation.config) if advice.shape else SettingsForm.field_names()
        return to_command(request, {name: getattr(config, name) for name in names}), to_yaml(request)

    @handler
    def read(self, visitor: Visitor, file: str | None, settings: SettingsForm) -> list:
        """The settings of a file, in the controls; what it does not name stays."""
        if not file:
            return [gr.skip()] * len(settings.field_names())
        return SettingsForm.showing(settings.config(**settings_in(_text(Path(file))))).values()


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(LONGEST_FILE + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"“{path.name}” cannot be read as text. Choose a config.yaml.",
            f"「{path.name}」をテキストとして読めません。config.yaml を選んでください。",
        ) from error


def _without_paths(request: RunRequest) -> RunRequest:
    """For somebody who is not at this machine: names instead of its folders."""
    spec = replace(request.spec, base=public_name(request.spec.base), dataset=Path(request.spec.dataset.name))
    return replace(request, spec=spec, start=request.start and Path(request.start.name))


def build(services: Services, key: gr.BrowserState, advice: gr.State, components: Mapping[str, Control]) -> Dependency:
    """The fold at the end of the settings; the event that has put a file's settings into the controls.

    `components` are those of FormValues and of SettingsForm.
    """
    handlers = FileHandlers(services)
    form, controls = FormValues.inputs(components), SettingsForm.inputs(components)
    with gr.Accordion(t_client("train.files"), open=False, elem_id="train-files") as fold:
        gr.Markdown(t_client("train.files_command"), elem_classes="muted")
        command = gr.Code(language="shell", label=t_client("train.files_command"),
                          show_label=False, interactive=False, wrap_lines=True, max_lines=8,
                          elem_id="train-command")  # fmt: skip
        gr.Markdown(t_client("train.files_yaml"), elem_classes="muted")
        text = gr.Code(
            language="yaml",
            label=t_client("train.files_yaml"),
            show_label=False,
            interactive=False,
            max_lines=12,
            elem_id="train-yaml",
        )
        upload = build_upload("train.files_read", "train-upload", types=(".yaml", ".yml"))
    writing = {"fn": handlers.write, "inputs": [key, advice, *form, *controls], "outputs": [command, text], **EVENT}
    gr.on(
        [fold.expand, *(components[name].input for name in SettingsForm.field_names())],
        trigger_mode="always_last",
        **writing,
    )
    read = upload.upload(handlers.read, [key, upload, *controls], controls, **EVENT)
    read.then(**writing)
    return read
