"""What may leave this machine: names of models without folders, descriptions without the names of files."""

import json
import re
from collections.abc import Mapping

HUB_NAME = re.compile(r"\w[\w.\-]*", re.ASCII)
HUB_ID = re.compile(rf"{HUB_NAME.pattern}/{HUB_NAME.pattern}", re.ASCII)


def is_hub_id(base: str) -> bool:
    """Whether `base` is written as an id of the Hub, "user/name", and not as a folder."""
    return bool(HUB_ID.fullmatch(base))


def public_name(base: str) -> str:
    """A base model as others may see it: its id, or of a folder the last name only."""
    return base if is_hub_id(base) else re.split(r"[\\/]", base.rstrip("\\/"))[-1]


def without_local_traces(text: str) -> str:
    """The JSON of `training.json` or `adapter_config.json` as it may leave this machine.

    The name of the uploaded log (often a friend's name) goes, and folders become their last name. Text
    that holds neither is returned as it is.
    """
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if not isinstance(value, dict):
        return text
    clean = _without_traces(value)
    return text if clean == value else json.dumps(clean, ensure_ascii=False, indent=1)


def _without_traces(value: Mapping[str, object]) -> dict[str, object]:
    clean = dict(value)
    for key in ("base", "base_model_name_or_path"):
        if isinstance(base := value.get(key), str):
            clean[key] = public_name(base)
    if isinstance(dataset := value.get("dataset"), dict):
        clean["dataset"] = {k: v for k, v in dataset.items() if k != "source"}
    if isinstance(before := value.get("started_from"), dict):  # the training before this one, in the same form
        clean["started_from"] = _without_traces(before)
    return clean
