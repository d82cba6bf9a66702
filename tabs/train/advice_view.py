"""The recommendation for what stands in the form: what was chosen and why, what it will take, what was changed."""

from contextlib import suppress
from dataclasses import dataclass, replace
from html import escape
from itertools import islice

from core.catalogue.catalogue import entry_of
from core.data.io.store import SavedDataSet, prompt_config_for
from core.data.rows import read_rows
from core.errors import ModelError
from core.models.sizing.dims import ModelDims
from core.train.config.advice import Recommendation, fit, recommend
from core.train.config.estimate import FREE, GB, RowLengths, this_device, training_memory, training_seconds
from core.train.config.train_config import TrainConfig
from core.train.worker.base import base_dims
from core.train.worker.rows import encode
from tabs.train import settings
from tabs.train.form_values import BaseModel
from tabs.ui.services import Services
from tabs.ui.status_bar import duration
from tabs.ui.text import t

LOOKED_AT = 40  # rows whose tokens are counted, for a guess at all of them


@dataclass(frozen=True)
class Advice:
    """What was recommended, for the base and the data set that stand in the form."""

    recommendation: Recommendation
    rows: int
    shape: ModelDims | None = None
    """The model's; None where nothing is known of it."""
    sizes: RowLengths | None = None
    """Of the training rows in the model's tokens; None while that model is not loaded."""
    validation: RowLengths | None = None


def advice_for(services: Services, base: BaseModel, saved: SavedDataSet) -> Advice:
    """Settings for this model, these rows and this machine."""
    count, shape = saved.info.train_rows, _shape(base)
    if shape is None:
        return Advice(Recommendation(TrainConfig(), ()), count)
    sizes = _sizes(services, base, saved) if base.parameters is not None else None
    tokens = round(sizes.learned * count) if sizes else None
    found = fit(recommend(shape.parameters, count, tokens), shape, this_device())
    config = replace(found.config, max_length=min(found.config.max_length, base.window))
    validation = replace(sizes, count=saved.info.validation_rows) if sizes else None
    return Advice(replace(found, config=config), count, shape, sizes, validation)


def advised(advice: Advice, config: TrainConfig, language: str) -> str:
    """The settings in one line, the steps they make and what they take, what was changed, and the reasons behind
    a fold."""
    recommended = advice.recommendation
    steps = t(language, "train.steps", rows=f"{advice.rows:,}", together=config.batch_size,
                steps=f"{settings.steps_of(config, advice.rows):,}")  # fmt: skip
    lines = [f'<p class="num"><b>{escape(settings.summary(config, language))}</b></p>', _muted(steps)]
    if advice.shape:
        lines.append(_takes(advice.shape, advice, config, language))
    lines += _changes(config, recommended.config, language)
    if not advice.shape:
        lines.append(_muted(t(language, "train.advice_plain")))
    if recommended.reasons:
        reasons = "".join(f"<li>{escape(reason.in_language(language))}</li>" for reason in recommended.reasons)
        lines.append(f"<details><summary>{escape(t(language, 'train.why'))}</summary><ul>{reasons}</ul></details>")
    return f'<div class="advice">{"".join(lines)}</div>'


def _takes(shape: ModelDims, advice: Advice, config: TrainConfig, language: str) -> str:
    """Time and memory, before anything was started."""
    device = this_device()
    need = training_memory(shape, config, device)
    sizes = {"need": f"{need / GB:.1f}", "there": f"{device.memory / GB:.0f}"}
    if need > FREE * device.memory:
        return f'<p class="warn">{escape(t(language, "train.takes_too_much", **sizes))}</p>'
    if advice.sizes is None:
        return _muted(t(language, "train.takes_memory", **sizes))
    lasts = duration(training_seconds(shape, config, device, advice.sizes, advice.validation), language)
    return f'<p class="muted num">{escape(t(language, "train.takes", time=lasts, **sizes))}</p>'


def _changes(config: TrainConfig, recommended: TrainConfig, language: str) -> list[str]:
    """A line for every setting that differs from the recommendation."""
    names = settings.changed(config, recommended)
    if not names:
        return []
    rows = "".join(
        f"<li>{name} <del>{escape(_said(getattr(recommended, name)))}</del> "
        f"<ins>{escape(_said(getattr(config, name)))}</ins></li>"
        for name in names
    )
    return [f'<p class="now">{escape(t(language, "train.changed"))}</p><ul class="changes num">{rows}</ul>']


def _said(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _shape(base: BaseModel) -> ModelDims | None:
    """Of the model in memory, or of one of the catalogue."""
    if base.parameters is not None:
        with suppress(ModelError):  # of a kind that only code of its own can tell
            return base_dims(base.source, base.revision)
    entry = entry_of(base.name)
    return ModelDims.of_entry(entry) if entry and not entry.stored_bits else None


def _sizes(services: Services, base: BaseModel, saved: SavedDataSet) -> RowLengths:
    rows = islice(read_rows(saved.file("train")), LOOKED_AT)
    tokenizer = services.models.current().tokenizer
    length = max(16, min(base.window, TrainConfig().max_length))
    return RowLengths.of(
        encode(rows, prompt_config_for(saved.info, context_window=length), tokenizer, max_length=length).examples,
        saved.info.train_rows,
    )


def _muted(text: str) -> str:
    return f'<p class="muted">{escape(text)}</p>'
