"""Documents of a persona: text, Markdown and PDF, cut by paragraphs and found by their words."""

import re
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from core.memory.store import MemoryStore, index, search, unindex

ENDINGS = (".txt", ".md", ".markdown", ".pdf")
PASSAGE = 400  # characters that a passage is filled to; a paragraph longer than twice that is cut at a sentence
MOST_PASSAGES = 20_000
MOST_FOUND = 3
RELEVANT = 0.5  # of the best passage's relevance; what is weaker is left out


@dataclass(frozen=True)
class Document:
    """A file that a persona may quote."""

    id: int
    name: str
    added: float
    passages: int


@dataclass(frozen=True)
class DocumentPassage:
    """A few paragraphs of a document."""

    document: str
    page: int
    """From 1; 0 where there are no pages."""
    text: str


@dataclass(frozen=True)
class Documents:
    """The documents of one owner's persona."""

    store: MemoryStore
    persona: str

    def add(self, path: Path, name: str, now: float) -> Document:
        """Read, cut and index a file, in place of one of the same name. Raises InputError for what has no text."""
        passages = cut(read(path, name))
        if not passages:
            raise _no_text(name)
        for before in self.list_all():
            if before.name == name:
                self.delete(before.id)
        with self.store.connect() as db:
            document = db.execute(
                "insert into documents (persona, name, added, passages) values (?, ?, ?, ?)",
                (self.persona, name, now, len(passages)),
            ).lastrowid
            for page, text in passages:
                row = db.execute(
                    "insert into passages (document, persona, page, text) values (?, ?, ?, ?)",
                    (document, self.persona, page, text),
                )
                index(db, "passages", row.lastrowid, text)
        return Document(document, name, now, len(passages))

    def list_all(self) -> "list[Document]":
        """Newest first."""
        with self.store.connect() as db:
            rows = db.execute(
                "select id, name, added, passages from documents where persona = ? order by added desc, id desc",
                (self.persona,),
            )
            return [Document(*row) for row in rows]

    def delete(self, document: int) -> None:
        """Remove a document for good."""
        with self.store.connect() as db:
            owned = "document = ? and persona = ?"
            for row in db.execute(f"select id, text from passages where {owned}", (document, self.persona)).fetchall():
                unindex(db, "passages", row["id"], row["text"])
            db.execute(f"delete from passages where {owned}", (document, self.persona))
            db.execute("delete from documents where id = ? and persona = ?", (document, self.persona))

    def found(self, question: str) -> "list[DocumentPassage]":
        """The passages that bear on a question, the best first."""
        with self.store.connect() as db:
            hits = search(db, "passages", question, "row.persona = ?", [self.persona])[:MOST_FOUND]
            names = dict(db.execute("select id, name from documents where persona = ?", (self.persona,)).fetchall())
        return [
            DocumentPassage(names[row["document"]], row["page"], row["text"])
            for row, relevance in hits
            if relevance >= RELEVANT and row["document"] in names
        ]


def read(path: Path, name: str) -> list[tuple[int, str]]:
    """The text of a file, page by page: (page from 1, or 0 where there are none; its text). Raises InputError."""
    ending = Path(name).suffix.lower()
    if ending not in ENDINGS:
        raise InputError(
            f"“{name}” is no text, Markdown or PDF file. Save it as one of these ({', '.join(ENDINGS)}).",
            f"「{name}」はテキスト・Markdown・PDF ではありません。{'・'.join(ENDINGS)} のどれかで保存してください。",
        )
    if ending == ".pdf":
        return _pages(path, name)
    from core.logs.parsing.decode import decode

    return [(0, decode(path.read_bytes()).text)]


def cut(pages: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Passages of whole paragraphs, each filled to about PASSAGE characters, a heading with what follows it."""
    passages: list[tuple[int, str]] = []
    for page, text in pages:
        filled = ""
        for paragraph in _paragraphs(text):
            heading = paragraph.startswith("#")
            if filled and (heading or len(filled) + len(paragraph) > PASSAGE):
                passages.append((page, filled))
                filled = ""
            filled = f"{filled}\n{paragraph}" if filled else paragraph
        if filled:
            passages.append((page, filled))
    return passages[:MOST_PASSAGES]


def _paragraphs(text: str) -> list[str]:
    """Parts between empty lines; long ones cut behind a sentence, endless ones anywhere."""
    found = []
    for block in re.split(r"\n\s*\n|\n(?=#)", text.replace("\r\n", "\n").replace("\x00", "")):
        paragraph = block.strip()
        while len(paragraph) > 2 * PASSAGE:
            ends = [m.end() for m in re.finditer(r"[。！？!?」』]|\.\s|\n", paragraph[:PASSAGE])]
            at = ends[-1] if ends else PASSAGE
            found.append(paragraph[:at].strip())
            paragraph = paragraph[at:].strip()
        if paragraph:
            found.append(paragraph)
    return found


def _pages(path: Path, name: str) -> list[tuple[int, str]]:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(path)
        if reader.is_encrypted and not reader.decrypt(""):
            raise InputError(
                f"“{name}” is locked with a password. Save it without one and add it again.",
                f"「{name}」はパスワードで保護されています。外して保存し直してから追加してください。",
            )
        return [(number, page.extract_text()) for number, page in enumerate(reader.pages, start=1)]
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"“{name}” cannot be read as a PDF ({type(error).__name__}). Open it elsewhere and save its text instead.",
            f"「{name}」を PDF として読めません（{type(error).__name__}）。テキストで保存し直してください。",
        ) from error


def _no_text(name: str) -> InputError:
    return InputError(
        f"“{name}” holds no text. A scanned PDF has pictures only: run character recognition (OCR) over it first.",
        f"「{name}」に文字が見つかりません。スキャンした PDF は画像だけです。先に文字認識（OCR）をかけてください。",
    )
