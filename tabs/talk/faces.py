"""A persona's face: its picture, made small once, or the first letter of its name on a colour that the name decides."""

import base64
import hashlib
import io
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path

from core.personas import Persona
from core.personas.store import PersonaEntry
from tabs.ui.services import Services

SIDE = 96  # pixels: shown at half of that, sharp on dense screens
TINTS = 5  # colours of style.css


@dataclass(frozen=True)
class Face:
    """What stands for a persona beside its words."""

    letter: str
    tint: int
    """0 to TINTS - 1."""
    source: str = ""
    """A data: address of the picture; "" where there is none."""

    def html(self, size: str = "") -> str:
        """The face on its own; `size` is a CSS class. It says nothing to a screen reader: the name stands beside it."""
        if self.source:
            return f'<img class="portrait {size}" src="{self.source}" alt="">'
        return f'<span class="portrait tint-{self.tint} {size}" aria-hidden="true">{escape(self.letter)}</span>'

    @property
    def style(self) -> str:
        """Makes `worn` show the picture inside the element that carries this as its style: once for a whole chat."""
        return f"--worn: url('{self.source}')" if self.source else ""

    def worn(self) -> str:
        """The face at a bubble, inside of an element that carries `style`."""
        if self.source:
            return '<span class="portrait small worn" aria-hidden="true"></span>'
        return self.html("small")

    def numbered(self, number: int) -> str:
        """The same as `style` where several faces are in one chat."""
        return f"--worn-{number}: url('{self.source}')" if self.source else ""

    def worn_as(self, number: int) -> str:
        """The face at a bubble, inside of an element that carries `numbered`."""
        if not self.source:
            return self.html("small")
        return (f'<span class="portrait small" style="background-image: var(--worn-{number})" '
                'aria-hidden="true"></span>')  # fmt: skip


def face_of(services: Services, owner: str, persona: Persona | PersonaEntry) -> Face:
    """The face of a persona, its own or a built-in one's."""
    path = services.personas.picture(owner, persona.id)
    name = persona.name.strip()
    tint = hashlib.sha256(name.encode()).digest()[0] % TINTS
    return Face(name[:1].upper(), tint, _source(path, path.stat().st_mtime_ns) if path else "")


@lru_cache(maxsize=256)
def _source(path: Path, changed: int) -> str:  # `changed` makes another picture of the same name another entry
    from PIL import Image

    image = Image.open(path).convert("RGBA")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 4  # faces are in the upper part
    image = image.crop((left, top, left + side, top + side)).resize((SIDE, SIDE))
    file = io.BytesIO()
    image.save(file, "WEBP", quality=80)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
