"""Character cards as other programs write them: read from PNG, JSON or CHARX, and written again with nothing lost.

V1, V2 (github.com/malfoyslastname/character-card-spec-v2) and V3 (github.com/kwaroran/character-card-spec-v3), and
text-generation-webui's plain form. Fields that Omokage has no use for travel along untouched.
"""

import base64
import binascii
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from core.errors import InputError
from core.messages import Role, Turn
from core.personas.card_dialects import as_card, yaml_card
from core.personas.lengths import WRITTEN_EXAMPLES, check_length, check_numbers, parse_bounded
from core.personas.lorebook import ENTRY_DEPTH, FOREVER, Lorebook
from core.personas.lorebook_file import book_from, book_to_json
from core.personas.persona import DepthPrompt, Persona
from core.personas.picture import portrait

LARGEST_FILE = 30_000_000  # bytes
LARGEST_JSON = 8_000_000  # bytes: a book of a thousand long entries
KEYWORDS = ("ccv3", "chara")  # of a PNG's text; the newer one is preferred
DESCRIBING = ("system_prompt", "description", "personality", "scenario")
EXAMPLE = re.compile(r"\s*(\{\{char\}\}|<bot>|\{\{user\}\}|<user>)\s{0,9}[:：](.*)", re.IGNORECASE)
# text-generation-webui and Pygmalion name the same things so.
OTHER_NAMES = {
    "name": "char_name", "description": "char_persona", "scenario": "world_scenario", "first_mes": "char_greeting",
    "mes_example": "example_dialogue",
}  # fmt: skip


@dataclass(frozen=True)
class CharacterCard:
    """A card as it was read."""

    persona: Persona
    picture: bytes | None
    """The PNG, without the texts it came with."""


def read_card(data: bytes) -> CharacterCard:
    """The card in a file's bytes. Raises InputError with what was found instead."""
    if len(data) > LARGEST_FILE:
        raise _no_card(f"{len(data):,} bytes, at most {LARGEST_FILE:,}")
    hidden = data[:3] == b"\xff\xd8\xff" and zipfile.is_zipfile(io.BytesIO(data))  # RisuAI's, behind a picture
    if hidden or data[:4] == b"PK\x03\x04":
        value, picture = _from_archive(data)
    elif data[:8] == b"\x89PNG\r\n\x1a\n":
        value, picture = _from_png(data), data
    else:
        value, picture = _parsed(data), None
    return CharacterCard(_persona_of(value), portrait(picture) if picture else None)


def card_of(persona: Persona) -> dict:
    """The persona as a V3 card: the fields it came with, and what was changed here."""
    card = persona.card
    before = _persona_of(card) if card else Persona("", "")
    data = dict(card.get("data", {}))
    data["name"] = persona.name
    if persona.description != before.description or not card:
        data |= dict.fromkeys(DESCRIBING, "") | {"description": persona.description}
    data["first_mes"], data["alternate_greetings"] = persona.greeting, list(persona.greetings)
    if persona.examples != before.examples or not card:
        data["mes_example"] = _written(persona.examples)
    if persona.post_history != before.post_history:
        data["post_history_instructions"] = persona.post_history
    if persona.depth_prompt != before.depth_prompt:
        extensions = kept if isinstance(kept := data.get("extensions"), dict) else {}
        reminder = persona.depth_prompt
        depth_prompt = {"prompt": reminder.text, "depth": reminder.depth, "role": reminder.role}
        data["extensions"] = {**extensions, "depth_prompt": depth_prompt}
    if persona.book.entries or "character_book" in data:
        data["character_book"] = book_to_json(persona.book)
    plain = {
        "creator_notes": persona.summary, "post_history_instructions": "", "tags": [], "creator": "",
        "character_version": "", "extensions": {}, "group_only_greetings": [],
    }  # fmt: skip
    known = {name: value for name, value in card.items() if name != "data"}
    return known | {"spec": "chara_card_v3", "spec_version": "3.0", "data": plain | data}


def card_json(persona: Persona) -> bytes:
    """The card as a JSON file."""
    return json.dumps(card_of(persona), ensure_ascii=False, indent=2).encode()


def card_png(persona: Persona, picture: bytes) -> bytes:
    """`picture` (a PNG) that carries the card, in the V3 and, for older programs, the V2 field."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    card, texts, file = card_of(persona), PngInfo(), io.BytesIO()
    for keyword, spec in (("ccv3", {}), ("chara", {"spec": "chara_card_v2", "spec_version": "2.0"})):
        texts.add_text(keyword, base64.b64encode(json.dumps(card | spec, ensure_ascii=False).encode()).decode())
    Image.open(io.BytesIO(picture)).save(file, "PNG", pnginfo=texts)
    return file.getvalue()


def _from_png(data: bytes) -> dict:
    texts = {keyword: (text, packed) for keyword, text, packed in _png_texts(data)}
    for keyword in KEYWORDS:
        if keyword in texts:
            text, packed = texts[keyword]
            try:
                return _parsed(base64.b64decode(_inflated(text) if packed else text, validate=False))
            except binascii.Error as error:
                raise _no_card(f"{keyword}: {error}") from error
    raise _no_card("PNG: " + (", ".join(sorted(texts)[:5]) or "—"))


def _png_texts(data: bytes) -> Iterator[tuple[str, bytes, bool]]:
    """(keyword in small letters, text, whether it is packed) of the texts in a PNG; they may stand behind the picture.

    None is unpacked here: a thousand that swell would take gigabytes.
    """
    at = 8
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + size]
        at += 12 + size
        keyword, _, rest = body.partition(b"\0")
        packed = kind == b"zTXt"
        if kind == b"iTXt" and len(rest) >= 2:
            packed = rest[0] == 1
            rest = rest[2:].split(b"\0", 2)[-1]
        elif packed:
            rest = rest[1:]
        elif kind != b"tEXt":
            continue
        yield keyword.decode("latin-1").lower(), rest, packed


def _inflated(data: bytes) -> bytes:
    try:
        text = zlib.decompressobj().decompress(data, 2 * LARGEST_JSON + 1)
    except zlib.error as error:
        raise _no_card(f"PNG: {error}") from error
    if len(text) > 2 * LARGEST_JSON:
        raise _no_card(f"PNG: a text of more than {2 * LARGEST_JSON:,} bytes")
    return text


def _from_archive(data: bytes) -> tuple[dict, bytes | None]:
    """(card.json, the main icon) of a CHARX file."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            with archive.open("card.json") as file:
                value = _parsed(file.read(LARGEST_JSON + 1))
            icons = [name for name in archive.namelist() if "icon/" in name.lower() and name.lower().endswith(".png")]
            if not icons:
                return value, None
            with archive.open(icons[0]) as file:
                return value, file.read(LARGEST_FILE)
    except (zipfile.BadZipFile, KeyError, OSError, NotImplementedError, RuntimeError) as error:
        raise _no_card(f"CHARX: {error}") from error


def _parsed(data: bytes) -> dict:
    if len(data) > LARGEST_JSON:
        raise _no_card(f"JSON: more than {LARGEST_JSON:,} bytes")
    try:
        value = parse_bounded(data.decode("utf-8-sig"))
    except ValueError as error:
        value = yaml_card(data.decode("utf-8-sig", errors="replace"))
        if value is None:
            raise _no_card(f"JSON: {error}") from error
    if not isinstance(value, dict):
        raise _no_card(f"JSON: {type(value).__name__}")
    return value


def _persona_of(value: dict) -> Persona:
    data = as_card(inner if isinstance(inner := value.get("data"), dict) else value)
    text = {name: _text(data.get(name, data.get(other))) for name, other in OTHER_NAMES.items()}
    text |= {name: _text(data.get(name)) for name in ("system_prompt", "personality", "creator_notes", "context")}
    text["system_prompt"] = text["system_prompt"].replace("{{original}}", "").strip()
    text["description"] = text["description"] or text["context"]
    greetings = data.get("alternate_greetings")
    check_numbers(0, len(greetings) if isinstance(greetings, list) else 0)
    book = data.get("character_book")
    if not text["name"].strip():
        raise _no_card("name: —")
    return Persona(
        name=text["name"].strip()[:200],
        description="\n\n".join(text[name].strip() for name in DESCRIBING if text[name].strip()),
        summary=text["creator_notes"].strip().split("\n")[0][:120],
        greeting=text["first_mes"].strip() or _text(data.get("greeting")).strip(),
        greetings=tuple(filter(None, map(str.strip, map(_text, greetings)))) if isinstance(greetings, list) else (),
        examples=_examples(text["mes_example"], text["name"]),
        depth_prompt=_depth_prompt(data.get("extensions")),
        post_history=_text(data.get("post_history_instructions")).replace("{{original}}", "").strip(),
        book=book_from(book) if isinstance(book, dict) else Lorebook(),
        card=value if isinstance(value.get("data"), dict) else {"data": data},
    )


def _depth_prompt(extensions: object) -> DepthPrompt:
    """SillyTavern's reminder at a depth."""
    given = extensions.get("depth_prompt") if isinstance(extensions, dict) else None
    if not isinstance(given, dict):
        return DepthPrompt()
    depth, role = given.get("depth"), given.get("role")
    return DepthPrompt(
        _text(given.get("prompt")).strip(), depth if type(depth) is int and 0 <= depth < FOREVER else ENTRY_DEPTH,
        role if role in ("user", "assistant") else "system",
    )  # fmt: skip


def _examples(text: str, name: str) -> tuple[Turn, ...]:
    """The dialogues of `mes_example`: lines that begin with one of the two; what follows belongs to the line before."""
    check_length(WRITTEN_EXAMPLES, len(text))
    said: list[tuple[Role, list[list[str]]]] = []  # each side's messages, as lines
    speaker = re.compile(rf"\s*({re.escape(name)}|You)\s{{0,9}}[:：](.*)") if name else EXAMPLE
    for line in re.sub(r"(?i)<start>", "\n", text).splitlines():
        found = EXAMPLE.fullmatch(line) or speaker.fullmatch(line)
        if found:
            role: Role = "assistant" if found[1].lower() in ("{{char}}", "<bot>", name.lower()) else "user"
            if not said or said[-1][0] != role:
                said.append((role, []))
            said[-1][1].append([found[2].strip()])
        elif said and line.strip():
            said[-1][1][-1].append(line.strip())
    turns = (Turn(role, tuple("\n".join(lines).strip() for lines in messages)) for role, messages in said)
    return tuple(turn for turn in turns if any(turn.messages))


def _written(turns: Iterable[Turn]) -> str:
    lines = [
        f"{'{{char}}' if turn.role == 'assistant' else '{{user}}'}: {text}" for turn in turns for text in turn.messages
    ]
    return "\n".join(["<START>", *lines]) if lines else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _no_card(found: str) -> InputError:
    return InputError(
        f"This file is no character card ({found[:200]}). Cards are PNG pictures with a text inside, JSON, CHARX "
        "or YAML files; a picture that was sent through a messenger or saved anew has often lost its text.",
        f"キャラクターカードとして読めません（{found[:200]}）。"
        "カードは、中に文章の入った PNG か、JSON・CHARX・YAML です。"
        "メッセージで送ったり保存し直したりした画像では、中の文章が失われていることがあります。",
    )
