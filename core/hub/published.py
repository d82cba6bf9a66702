"""What others have published on the Hub with this app: adapters under its tag, with their base and licence."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from core.hub.client import api_for
from core.hub.errors import hub_errors
from core.hub.redact import is_hub_id

TAG = "omokage"
MOST = 50


@dataclass(frozen=True)
class PublishedAdapter:
    """One of them, as its card says."""

    repo: str
    base: str = ""
    """Hub id of the model that it belongs to; "" where the card does not say."""
    licence: str = ""

    def fits(self, base: str) -> bool:
        """Whether it was trained on `base`."""
        return bool(self.base) and self.base.lower() == base.lower()


def published_adapters(
    token: str | Literal[False], *, base: str = "", endpoint: str | None = None
) -> list[PublishedAdapter]:
    """Those that `token` may see (False: those that everybody may), the most liked first, those for `base` before.

    Raises HubError.
    """
    with hub_errors("huggingface.co"):
        listed = api_for(token, endpoint).list_models(filter=[TAG, "lora"], sort="likes", limit=MOST)
        found = [_read(one.id, one.tags or ()) for one in islice(listed, MOST) if is_hub_id(one.id)]
    return sorted(found, key=lambda one: not one.fits(base))


def _read(repo: str, tags: Iterable[str]) -> PublishedAdapter:
    """The Hub repeats in its tags what a card says of base and licence: `base_model:adapter:Qwen/Qwen3-0.6B`."""
    said: dict[str, str] = {}
    for tag in tags:
        kind, _, value = tag.partition(":")
        if kind in ("base_model", "license") and value:
            said.setdefault(kind, value.rpartition(":")[2][:120])
    base = said.get("base_model", "")
    return PublishedAdapter(repo, base if is_hub_id(base) else "", said.get("license", ""))
