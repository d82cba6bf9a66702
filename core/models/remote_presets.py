"""Kinds of servers that are known: their usual address, and what their public reference says of their API."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

Prefill = Literal["", "plain", "continue_final_message"]
Limit = Literal["max_tokens", "max_completion_tokens"]


@dataclass(frozen=True)
class RemotePreset:
    """One kind of server."""

    id: str
    name: str
    url: str
    """Its usual base."""
    source: str
    """The public reference from which the rest is taken."""
    limit: Limit = "max_tokens"
    """What it calls the longest reply."""
    refuses: tuple[str, ...] = ()
    """Settings that it refuses, or takes and does not heed."""
    called: Mapping[str, str] = field(default_factory=dict)
    """Its own names for settings."""
    prefill: Prefill = ""
    """How it goes on with a reply that ends the messages; "" where its reference does not say that it does."""
    hottest: float = 2.0
    """The highest temperature it takes."""
    generation_config: bool = False
    """Settings that OpenAI's API lacks go as the JSON text of a transformers GenerationConfig: without its `do_sample`
    the server draws nothing."""


ANY_SERVER = RemotePreset("", "", "", "")


@cache
def presets() -> tuple[RemotePreset, ...]:
    """Every kind that is known, in the order of the page."""
    values = json.loads(Path(__file__).with_name("remote_presets.json").read_text(encoding="utf-8"))
    return tuple(RemotePreset(**value | {"refuses": tuple(value.get("refuses", ()))}) for value in values)


def preset_of_url(url: str) -> RemotePreset:
    """The hosted service at this address; ANY_SERVER for one that anything may run at."""
    host = urlsplit(url).hostname
    hosted = (one for one in presets() if one.url.startswith("https://") and urlsplit(one.url).hostname == host)
    return next(hosted, ANY_SERVER)


def preset_by_id(kind: str) -> RemotePreset:
    """The kind of that id, or ANY_SERVER."""
    return next((one for one in presets() if one.id == kind), ANY_SERVER)
