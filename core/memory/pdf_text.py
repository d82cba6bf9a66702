"""The text of a PDF, page by page: a program for `core.isolated`, since a small PDF can ask for hours and gigabytes."""

from core.isolated import serve
from core.text import well_formed


def read_pages(order: tuple[str, int]) -> dict[str, object]:
    """`order` is (path, most characters). Gives pages of [number from 1, text], or "locked", or why it "failed"."""
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    path, most = order
    pages, length = [], 0
    try:
        reader = PdfReader(path)
        if reader.is_encrypted and not reader.decrypt(""):
            return {"locked": True}
        for number, page in enumerate(reader.pages, start=1):
            text = well_formed(page.extract_text())
            length += len(text)
            if length > most:
                break
            pages.append([number, text])
    except (PyPdfError, ValueError, LookupError, TypeError, AttributeError, RecursionError, OSError) as error:
        return {"failed": type(error).__name__}
    return {"pages": pages}


if __name__ == "__main__":
    import pypdf  # noqa: F401 - so that its import counts as the start

    serve(read_pages)
