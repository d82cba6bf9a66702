"""Documents of a persona: text, Markdown and PDF, cut by paragraphs and found by their words."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from core.errors import InputError
from core.isolated import EndedError, IsolatedProcess
from core.memory.store import MemoryStore, index, inserted, search, unindex

ENDINGS = (".txt", ".md", ".markdown", ".pdf")
PASSAGE = 400  # characters that a passage is filled to; a paragraph longer than twice that is cut at a sentence
MOST_PASSAGES = 20_000
MOST_BYTES = 20_000_000  # of a text, and characters of a PDF's
PDF_SECONDS, PDF_MEMORY = 60, 1 << 30
BETWEEN = re.compile(r"\n\s*\n|\n(?=#)")
SENTENCE_END = re.compile(r"[。！？!?」』]|\.\s|\n")
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
            kept = db.execute(
                "insert into documents (persona, name, added, passages) values (?, ?, ?, ?)",
                (self.persona, name, now, len(passages)),
            )
            document = inserted(kept)
            for page, text in passages:
                row = db.execute(
                    "insert into passages (document, persona, page, text) values (?, ?, ?, ?)",
                    (document, self.persona, page, text),
                )
                index(db, "passages", inserted(row), text)
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

    if path.stat().st_size > MOST_BYTES:
        raise _too_long(name)
    return [(0, decode(path.read_bytes()).text)]


def cut(pages: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
    """Passages of whole paragraphs, each filled to about PASSAGE characters, a heading with what follows it."""
    return list(islice(_passages(pages), MOST_PASSAGES))


def _passages(pages: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    for page, text in pages:
        filled, length = [], 0
        for paragraph in _paragraphs(text):
            if filled and (paragraph.startswith("#") or length + len(paragraph) > PASSAGE):
                yield page, "\n".join(filled)
                filled, length = [], 0
            filled.append(paragraph)
            length += len(paragraph) + 1
        if filled:
            yield page, "\n".join(filled)


def _paragraphs(text: str) -> Iterator[str]:
    """Parts between empty lines; long ones cut behind a sentence, endless ones anywhere."""
    for block in BETWEEN.split(text.replace("\r\n", "\n").replace("\x00", "")):
        paragraph, start = block.strip(), 0
        while len(paragraph) - start > 2 * PASSAGE:
            ends = [m.end() for m in SENTENCE_END.finditer(paragraph, start, start + PASSAGE)]
            end = ends[-1] if ends else start + PASSAGE
            if part := paragraph[start:end].strip():
                yield part
            start = end
        if rest := paragraph[start:].strip():
            yield rest


_process = IsolatedProcess("core.memory.pdf_text")


def _pages(path: Path, name: str) -> list[tuple[int, str]]:
    try:
        answer = _process.ask([str(path), MOST_BYTES], seconds=PDF_SECONDS, memory=PDF_MEMORY)
    except EndedError as error:
        raise InputError(
            f"“{name}” was given up on: {error}. Save the text you need in a file of its own and add that.",
            f"「{name}」の読み取りを中止しました（{error}）。必要な文章だけをテキストで保存して追加してください。",
        ) from error
    if answer.get("locked"):
        raise InputError(
            f"“{name}” is locked with a password. Save it without one and add it again.",
            f"「{name}」はパスワードで保護されています。外して保存し直してから追加してください。",
        )
    if "failed" in answer:
        raise InputError(
            f"“{name}” cannot be read as a PDF ({answer['failed']}). Open it elsewhere and save its text instead.",
            f"「{name}」を PDF として読めません（{answer['failed']}）。テキストで保存し直してください。",
        )
    return [(page, text) for page, text in answer["pages"]]


def _too_long(name: str) -> InputError:
    return InputError(
        f"“{name}” is larger than {MOST_BYTES // 1_000_000} MB. Split it and add the parts you need.",
        f"「{name}」は {MOST_BYTES // 1_000_000} MB を超えています。分割して、必要な部分だけを追加してください。",
    )


def _no_text(name: str) -> InputError:
    return InputError(
        f"“{name}” holds no text. A scanned PDF has pictures only: run character recognition (OCR) over it first.",
        f"「{name}」に文字が見つかりません。スキャンした PDF は画像だけです。先に文字認識（OCR）をかけてください。",
    )
