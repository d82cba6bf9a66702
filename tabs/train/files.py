"""The form as a file and as a command: to keep, to share, to train without the page."""

from dataclasses import dataclass, replace
from pathlib import Path

import gradio as gr

from core.errors import InputError
from core.hub.redact import public_name
from core.train.config.run_file import LONGEST_FILE, RunRequest, settings_in, to_command, to_yaml
from core.train.config.train_config import TrainConfig
from tabs.train import settings
from tabs.train.advice_view import Advice
from tabs.train.form_values import FormValues, request_of
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.text import t_client
from tabs.ui.visitor import Visitor


@dataclass(frozen=True)
class FileHandlers:
    """Writes what the form says, and reads settings into it."""

    services: Services

    @handler
    def write(self, visitor: Visitor, advice: Advice | None, *asked: settings.SettingValue) -> tuple[str, str]:
        """(command, config.yaml) of the form; empty while no data set is chosen."""
        filled = FormValues.of(asked)
        if not filled.dataset or advice is None:
            return "", ""
        order = request_of(self.services, visitor, filled)
        if self.services.public:
            order = _without_paths(order)
        values = settings.values_of(order.spec.config)
        advised = advice.recommendation.config if advice.shape else None
        names = settings.changed(values, advised) if advised else list(settings.CONTROLS)
        return to_command(order, {name: getattr(order.spec.config, name) for name in names}), to_yaml(order)

    @handler
    def read(self, visitor: Visitor, file: str | None, *values: settings.SettingValue) -> tuple:
        """The settings of a file, in the controls; what it does not name stays."""
        if not file:
            return (gr.skip(),) * len(values)
        now = dict(zip(settings.CONTROLS, values, strict=True))
        return tuple(settings.values_of(TrainConfig(**(now | settings_in(_text(Path(file)))))))


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(LONGEST_FILE + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"“{path.name}” cannot be read as text. Choose a config.yaml.",
            f"「{path.name}」をテキストとして読めません。config.yaml を選んでください。",
        ) from error


def _without_paths(order: RunRequest) -> RunRequest:
    """For somebody who is not at this machine: names instead of its folders."""
    spec = replace(order.spec, base=public_name(order.spec.base), dataset=Path(order.spec.dataset.name))
    return replace(order, spec=spec, start=order.start and Path(order.start.name))


def build(
    services: Services, key: gr.State, advice: gr.State, asked: list[gr.components.Component]
) -> gr.events.Dependency:
    """The fold at the end of the settings; the event that has put a file's settings into the controls."""
    handlers = FileHandlers(services)
    values = asked[7:]
    with gr.Accordion(t_client("train.files"), open=False, elem_id="train-files") as fold:
        gr.Markdown(t_client("train.files_command"), elem_classes="muted")
        command = gr.Code(language="shell", show_label=False, interactive=False, wrap_lines=True, max_lines=8,
                          elem_id="train-command")  # fmt: skip
        gr.Markdown(t_client("train.files_yaml"), elem_classes="muted")
        text = gr.Code(language="yaml", show_label=False, interactive=False, max_lines=12, elem_id="train-yaml")
        upload = gr.UploadButton(t_client("train.files_read"), file_types=[".yaml", ".yml"], size="sm",
                                 elem_id="train-upload")  # fmt: skip
    writing = {"fn": handlers.write, "inputs": [key, advice, *asked], "outputs": [command, text], **EVENT}
    gr.on([fold.expand, *(value.input for value in values)], trigger_mode="always_last", **writing)
    read = upload.upload(handlers.read, [key, upload, *values], values, **EVENT)
    read.then(**writing)
    return read
