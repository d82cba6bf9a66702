"""The dialogues the model learns from, read from a folder or from the Hub.

RealPersonaChat (Yamashita et al., PACLIC 37, 2023; CC BY-SA 4.0) and Synthetic-Persona-Chat (Jandaghi et
al., arXiv 2312.10007; CC BY 4.0), and the project's own exchanges in `own/`. RealPersonaChat must not be
used to imitate a particular speaker: speakers are only A and B, and what is learned of them is what their
persona sentences say.
"""

import gzip
import hashlib
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.messages import Turn
from core.personas import built_in

OWN = Path(__file__).parent / "own"
JAPANESE = "nu-dialogue/real-persona-chat"
ENGLISH = "google/Synthetic-Persona-Chat"
# A third of the English chats say "[user 1's name]" where a name was meant: each speaker gets one of these.
NAMES = (
    "Alex", "Amy", "Anna", "Ben", "Carl", "Chris", "Clara", "Dan", "David", "Ella", "Emma", "Eric", "Frank", "Grace",
    "Hannah", "Henry", "Ian", "Jack", "Jane", "Jenny", "Joe", "Julia", "Kate", "Kevin", "Laura", "Leo", "Lily", "Lucy",
    "Maria", "Mark", "Mia", "Mike", "Nina", "Noah", "Olivia", "Oscar", "Paul", "Peter", "Rachel", "Rosa", "Ruth", "Sam",
    "Sarah", "Simon", "Tina", "Tom", "Vera", "Will",
)  # fmt: skip
PLACEHOLDER = re.compile(
    r"(?P<own>(?:I'm|I am|name is|name's|this is) )?"
    r"[\[(<{](?:user ?(?P<number>[12])(?:'s)?(?: name)?|(?:user|your |their )?name)[\])>}]",
    re.IGNORECASE,
)
VALIDATION = {"ja": 0.02, "en": 0.05}  # shares of dialogues, for a few hundred replies at least


@dataclass(frozen=True)
class Dialogue:
    """A talk of A and B. `personas` are sentences about each; `turns` are (speaker, messages), by turns.

    `examples` show how B talks; they stand in the prompt and are never learned.
    """

    id: str
    language: str
    personas: dict[str, tuple[str, ...]]
    turns: tuple[tuple[str, tuple[str, ...]], ...]
    examples: tuple[Turn, ...] = ()

    @property
    def validation(self) -> bool:
        """Whether it is kept from training: decided by its id alone, so never by the order of a file."""
        drawn = int(hashlib.sha256(f"{self.language} {self.id}".encode()).hexdigest()[:8], 16) / 2**32
        return drawn < VALIDATION[self.language]


def japanese(source: str = JAPANESE) -> list[Dialogue]:
    """RealPersonaChat from a folder with `dialogues.jsonl(.gz)`, or from the Hub by its name."""
    folder = Path(source)
    return list(_local(folder, "ja")) if folder.is_dir() else list(_real_persona_chat(source))


def english(source: str = ENGLISH) -> list[Dialogue]:
    """Synthetic-Persona-Chat, validation and test parts, from a folder or from the Hub."""
    folder = Path(source)
    return list(_local(folder, "en")) if folder.is_dir() else list(_synthetic_persona_chat(source))


def own() -> list[Dialogue]:
    """The project's own exchanges; see `own/README.md` for their form. B is the persona."""
    known = {(persona.id, language): persona for language in ("ja", "en") for persona in built_in(language)}
    found = []
    for path in sorted(OWN.glob("*.jsonl")):
        language = path.stem.split("_")[0]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
            value = json.loads(line)
            persona = value["persona"]
            turns = tuple((speaker, tuple(messages)) for speaker, *messages in value["turns"])
            about, examples = tuple(persona), ()
            if isinstance(persona, str):
                about = (known[persona, language].description,)
                examples = known[persona, language].examples if number % 2 else ()  # asked with them, and without
            found.append(Dialogue(f"{path.stem}-{number}", language, {"A": (), "B": about}, turns, examples))
    return found


def _local(folder: Path, language: str) -> Iterator[Dialogue]:
    path = next(p for p in (folder / "dialogues.jsonl.gz", folder / "dialogues.jsonl") if p.exists())
    opened: Callable = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield _dialogue(json.loads(line), language)


def _dialogue(value: dict, language: str) -> Dialogue:
    names = _names(str(value["id"]))
    said = ((turn["speaker"], _with_names(turn["text"], turn["speaker"], names)) for turn in value["turns"])
    personas = {name: tuple(filter(None, map(str.strip, lines))) for name, lines in value["personas"].items()}
    return Dialogue(str(value["id"]), language, personas, _joined(said))


def _names(id: str) -> dict[str, str]:
    """Two different names for the speakers of a dialogue, always the same for the same id."""
    return dict(zip("AB", random.Random(f"names {id}").sample(NAMES, 2), strict=True))


def _with_names(text: str, speaker: str, names: dict[str, str]) -> str:
    """`text` with placeholders filled: by their number, else the speaker's own name after "I'm", else the other's."""

    def name(match: re.Match[str]) -> str:
        other = "A" if speaker == "B" else "B"
        whose = "AB"[int(match["number"]) - 1] if match["number"] else speaker if match["own"] else other
        return (match["own"] or "") + names[whose]

    return PLACEHOLDER.sub(name, text)


def _joined(said: Iterator[tuple[str, str]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Neighbouring messages of one speaker as one turn; the lines of a message are messages of a burst."""
    turns: list[tuple[str, list[str]]] = []
    for speaker, text in said:
        messages = [line.strip() for line in text.splitlines() if line.strip()]
        if turns and turns[-1][0] == speaker:
            turns[-1][1].extend(messages)
        elif messages:
            turns.append((speaker, messages))
    return tuple((speaker, tuple(messages)) for speaker, messages in turns)


def _real_persona_chat(name: str) -> Iterator[Dialogue]:
    """From the archive the Hub's loading script points to; its two tables are joined by speaker id."""
    import io
    import urllib.request
    import zipfile

    with urllib.request.urlopen(f"https://github.com/{name}/archive/refs/heads/main.zip") as answer:
        archive = zipfile.ZipFile(io.BytesIO(answer.read()))
    files = {n.split("/", 1)[1]: n for n in archive.namelist()}
    people = json.loads(archive.read(files["real_persona_chat/interlocutors.json"]))
    for path in sorted(n for n in files if n.startswith("real_persona_chat/dialogues/") and n.endswith(".json")):
        value = json.loads(archive.read(files[path]))
        names = dict(zip(value["interlocutors"], "AB", strict=True))
        turns = [
            {"speaker": names[u["interlocutor_id"]], "text": _nameless(u["text"], names)} for u in value["utterances"]
        ]
        personas = {names[i]: people[i]["persona"] for i in names}
        yield _dialogue({"id": value["dialogue_id"], "personas": personas, "turns": turns}, "ja")


def _nameless(text: str, names: dict[str, str]) -> str:
    for speaker, letter in names.items():
        text = text.replace(speaker, f"{letter}さん")
    return text


def _synthetic_persona_chat(name: str) -> Iterator[Dialogue]:
    from datasets import load_dataset

    for split in ("validation", "test"):
        rows: Any = load_dataset(name, split=split)
        for number, row in enumerate(rows):
            said = re.findall(r"^User ([12]): (.*(?:\n(?!User [12]: ).*)*)", row["Best Generated Conversation"], re.M)
            yield _dialogue(
                {
                    "id": f"{split}-{number}",
                    "personas": {"A": row["user 1 personas"].splitlines(), "B": row["user 2 personas"].splitlines()},
                    "turns": [{"speaker": "AB"[int(who) - 1], "text": text} for who, text in said],
                },
                "en",
            )
