"""The README.md that goes with an adapter or a data set to the Hub: pure text from what is known.

What is not known leaves out its line; nothing is guessed. Texts from outside (names, descriptions) are
escaped, so that they stay text in Markdown, in YAML and in the Python that shows how to load it. The
templates are in `prompt_templates/cards/`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from core.cards.loss_curve import lines_of
from core.cards.made_rows import made_figures, made_line
from core.data.made import made_share
from core.data.mix import parts_of
from core.hub.redact import HUB_NAME, is_hub_id, public_name
from core.prompt import PromptConfig
from core.prompt.sandbox import TEMPLATES
from core.prompt.template_names import label, source
from core.workspace import SPLIT_FILES

if TYPE_CHECKING:
    from jinja2 import Environment

Fact = str | int | float | bool | None

SPLITS = {file: split for split, file in SPLIT_FILES.items()}


PushedForm = Literal["adapter", "model", "gguf"]
"""The adapter alone; the whole model with it merged in; that for llama.cpp and Ollama."""


@dataclass(frozen=True)
class DatasetFacts:
    """What is known of a data set: the fields of its description, any of which may be missing."""

    name: str = ""
    persona: str = ""
    format: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Messages by outcome."""
    train_rows: int | None = None
    validation_rows: int | None = None
    test_rows: int | None = None
    messages: int | None = None
    gap_minutes: float | None = None
    created: str | None = None
    recipe: Mapping[str, object] = field(default_factory=dict)
    """How the rows were made; of a mix, from which sets."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "DatasetFacts":
        """From the description in `training.json` or beside the rows. The log's own name is left out on purpose."""
        return cls(**_known(cls, value))


@dataclass(frozen=True)
class TrainingFacts:
    """What is known of a training run: the fields of `training.json`, any of which may be missing."""

    base: str = ""
    base_revision: str | None = None
    dataset: DatasetFacts | None = None
    config: Mapping[str, Fact] = field(default_factory=dict)
    metrics: Mapping[str, Fact] = field(default_factory=dict)
    created: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    preference: Mapping[str, Fact] = field(default_factory=dict)
    """Of preference tuning: its settings and how many pairs it had."""
    started_from: Mapping[str, object] = field(default_factory=dict)
    """Of a run that went on from an adapter: how that was trained."""
    combined: Mapping[str, object] = field(default_factory=dict)
    """Of a combination: the method, and the adapters with their weights."""
    stops: Sequence[str] = ()
    """What ends the persona's turn besides the base's own end token (`core.prompt.ending`)."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "TrainingFacts":
        """From the object in `training.json`."""
        known = _known(cls, value)
        dataset = known.get("dataset")
        stops = known.get("stops")
        return cls(**known | {
            "dataset": DatasetFacts.from_json(dataset) if isinstance(dataset, Mapping) else None,
            "stops": [stop for stop in stops if isinstance(stop, str)] if isinstance(stops, list) else (),
        })  # fmt: skip

    @property
    def base_on_hub(self) -> bool:
        """Whether the base is an id of the Hub. The oldest have no user ("gpt2"): a revision tells them apart."""
        return is_hub_id(self.base) or bool(self.base_revision and HUB_NAME.fullmatch(self.base))


def adapter_card(
    *,
    repo: str,
    training: TrainingFacts,
    prompt_config: PromptConfig,
    languages: Sequence[str] = (),
    license: str | None = None,
    takes_system: bool = True,
    form: PushedForm = "adapter",
) -> str:
    """The card of an adapter pushed to `repo` ("user/name") in one of its forms.

    `languages` are ISO 639 codes; `license` an id of the Hub; `takes_system`: the template has a place for
    a system text (`core.prompt.chat_template.ChatTemplate.takes_system`).
    """
    from huggingface_hub import ModelCardData

    relation: dict[str, Any] = {"base_model_relation": "finetune"} if form != "adapter" and training.base_on_hub else {}
    header = ModelCardData(
        base_model=training.base if training.base_on_hub else None,
        library_name={"adapter": "peft", "model": "transformers", "gguf": "gguf"}[form],
        pipeline_tag="text-generation",
        language=list(languages) or None,
        license=license,
        tags=["omokage", "lora"] if form == "adapter" else ["omokage"],
        **relation,
    )
    return _rendered(
        "adapter",
        header=header.to_yaml(),
        form=form,
        repo=json.dumps(repo) if form == "model" else repo,
        persona=prompt_config.persona,
        base=public_name(training.base) or "the base model",
        base_on_hub=training.base_on_hub,
        revision=re.sub(r"[^\w.\-/]", "", training.base_revision or ""),
        data=_data_lines(training.dataset),
        outcomes=_outcomes(training.dataset),
        settings=_settings(training),
        origin=_origin(training),
        losses=_losses(training.metrics),
        curves=bool(lines_of(training.metrics.get("history"))),
        shape=_shape(prompt_config),
        snippet=_adapter_snippet(repo, training, prompt_config, takes_system),
        window=prompt_config.context_window,
        license=license,
    )


def dataset_card(
    *,
    repo: str,
    dataset: DatasetFacts,
    languages: Sequence[str] = (),
    license: str | None = None,
    files: Sequence[str] = (SPLIT_FILES["train"], SPLIT_FILES["validation"]),
) -> str:
    """The card of a data set pushed to `repo` ("user/name"); `files` become the splits train, validation and test."""
    from huggingface_hub import DatasetCardData

    rows = sum(count or 0 for count in (dataset.train_rows, dataset.validation_rows, dataset.test_rows))
    header = DatasetCardData(
        pretty_name=dataset.name or None,
        language=list(languages) or None,
        license=license,
        task_categories=["text-generation"],
        size_categories=[_size_category(rows)] if rows else None,
        tags=["omokage"],
        configs=[{"config_name": "default", "data_files": [{"split": SPLITS[file], "path": file} for file in files]}],
    )
    return _rendered(
        "dataset",
        header=header.to_yaml(),
        name=dataset.name or repo,
        persona=dataset.persona,
        data=_data_lines(dataset),
        outcomes=_outcomes(dataset),
        figures=made_figures(dataset.recipe),
        made=made_share(dataset.recipe),
        repo=json.dumps(repo),
        license=license,
    )


def _known(cls: "type[DatasetFacts] | type[TrainingFacts]", value: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `cls` that `value` gives, without nulls."""
    return {one.name: value[one.name] for one in fields(cls) if value.get(one.name) is not None}


def _data_lines(dataset: DatasetFacts | None) -> list[tuple[str, str]]:
    if dataset is None:
        return []
    lines = {
        "Data set": dataset.name,
        "Persona": dataset.persona,
        "Format of the log": dataset.format,
        "Messages in the log": dataset.messages,
        "Rows to train on": dataset.train_rows,
        "Validation rows": dataset.validation_rows,
        "Rows to test with": dataset.test_rows or None,
        "A new conversation begins after (minutes)": dataset.gap_minutes,
        "Made": dataset.created,
        "Mixed from": _mixed(dataset),
        "Made by models": made_line(dataset.recipe),
    }
    return [(name, _shown(value)) for name, value in lines.items() if value not in (None, "")]


def _mixed(dataset: DatasetFacts) -> str:
    """The sets of a mix with the rows of each; "" if it is not a mix."""
    parts = parts_of(dataset.recipe)
    total = sum(part.rows for part in parts)
    return "; ".join(f"{part.name} ({part.rows} of {part.of} rows, {part.rows / total:.0%})" for part in parts)


def _outcomes(dataset: DatasetFacts | None) -> list[tuple[str, int]]:
    counts = dataset.counts if dataset else {}
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _settings(training: TrainingFacts) -> list[tuple[str, str]]:
    metrics = {name: training.metrics.get(name) for name in ("steps", "tokens", "seconds")}
    versions = {f"{name} version": version for name, version in training.versions.items()}
    preferred = {f"preference {name}": value for name, value in training.preference.items()}
    named = {**training.config, **preferred, **metrics, **versions, "trained": training.created}
    return [(name.replace("_", " "), _shown(value)) for name, value in named.items() if value is not None]


def _losses(metrics: Mapping[str, Fact]) -> list[tuple[str, str, str]]:
    rows = [
        ("training rows at the end, nats per token", None, metrics.get("train_loss")),
        (
            "validation rows, nats per token",
            metrics.get("validation_loss_before"),
            metrics.get("validation_loss_after"),
        ),
        (
            "validation rows, bits per UTF-8 byte",
            metrics.get("validation_bpb_before"),
            metrics.get("validation_bpb_after"),
        ),
    ]
    share, margin = metrics.get("validation_pair_accuracy"), metrics.get("validation_pair_margin")
    rows += [("validation pairs whose better reply gained more, share", None, share),
             ("validation pairs, margin in nats", None, margin)]  # fmt: skip
    return [(n, _shown(b, ".3f"), _shown(a, ".3f")) for n, b, a in rows if b is not None or a is not None]


def _origin(training: TrainingFacts) -> list[str]:
    """What the adapter was made of, where it did not begin afresh."""
    lines = []
    parts = training.combined.get("adapters")
    if isinstance(parts, list):
        named = ", ".join(f"{part.get('name')} × {part.get('weight')}" for part in parts if isinstance(part, Mapping))
        lines.append(f"A combination ({training.combined.get('method')}) of {named}.")
    if training.started_from:
        when = training.started_from.get("created")
        lines.append(f"It goes on from an adapter made {when}." if when else "It goes on from another adapter.")
    if training.preference:
        lines.append("It was tuned to prefer real replies and corrections to its own earlier ones (DPO).")
    return lines


def _shape(prompt_config: PromptConfig) -> list[tuple[str, str]]:
    """The prompt config in a table."""
    values = {
        "chat template": label(prompt_config.template),
        "between the messages of one turn": json.dumps(prompt_config.separator),
        "persona": prompt_config.persona,
        "other side": prompt_config.user,
        "tokens of prompt and reply": prompt_config.context_window,
        "of these for the reply": prompt_config.reply_reserve,
        "example exchanges": len(prompt_config.examples) or None,
        "looked-up parts": ", ".join(prompt_config.parts) or None,
    }
    return [(name, _shown(value)) for name, value in values.items() if value is not None]


def _shown(value: object, spec: str = ".6g") -> str:
    if isinstance(value, float):
        return format(value, spec)
    return "" if value is None else str(value)


def _size_category(rows: int) -> str:
    """The Hub's word for a number of rows."""
    limits = (("n<1K", 1_000), ("1K<n<10K", 10_000), ("10K<n<100K", 100_000), ("100K<n<1M", 1_000_000))
    return next((name for name, limit in limits if rows < limit), "1M<n<10M")


def _adapter_snippet(repo: str, training: TrainingFacts, prompt_config: PromptConfig, takes_system: bool) -> str:
    """Python that asks the adapter in its prompt config's shape. Tested against `core.prompt.render`."""
    on_hub, text = training.base_on_hub, source(prompt_config.template)
    base = training.base if on_hub else f"path/to/{public_name(training.base) or 'base'}"
    snippet = _environment().get_template("snippet.py.jinja")
    return snippet.render(
        repo=json.dumps(repo),
        base=json.dumps(base, ensure_ascii=False),
        revision=json.dumps(training.base_revision) if on_hub and training.base_revision else None,
        template=_literal(text) if text else None,
        takes_system=takes_system,
        stops=json.dumps(list(training.stops), ensure_ascii=False) if training.stops else None,
    )


def _literal(text: str) -> str:
    """`text` as Python source, readable where it can be."""
    plain = '"""' not in text and "```" not in text and not text.endswith(('"', "\\"))
    return f'r"""{text}"""' if plain else repr(text)


def _rendered(card: str, **values: object) -> str:
    return _environment().get_template(f"{card}.md.jinja").render(values).strip() + "\n"


@lru_cache(maxsize=1)
def _environment() -> "Environment":
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES / "cards"), undefined=jinja2.StrictUndefined, autoescape=False
    )
    environment.filters["md"] = _markdown
    return environment


def _markdown(text: object) -> str:
    """`text` as one line that Markdown and HTML print verbatim."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return re.sub(r"([\\`*_{}\[\]<>#|~!&$])", r"\\\1", line)
