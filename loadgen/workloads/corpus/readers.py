"""From a file's bytes to its text: plain text and source code, HTML, PDF.

Called by the corpus sources before the load starts. What can't be read is a UsageError that names the file: a prompt
built from half a document would be a wrong measurement.
"""

import io
import logging
import re
import warnings
from pathlib import Path

from loadgen.errors import UsageError

HTML_SUFFIXES = frozenset({".htm", ".html", ".xhtml"})
PDF_SUFFIXES = frozenset({".pdf"})

# UTF-32's mark begins with UTF-16's, so it is looked for first.
_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)
# What browsers take these for; real Latin 1 has control characters where pages mean quotes and dashes.
_AS_BROWSERS = dict.fromkeys(("ascii", "us-ascii", "iso-8859-1", "iso8859-1", "latin1", "latin-1"), "cp1252")
# What no reader of a page takes for its text.
_NOT_SHOWN = ("script", "style", "noscript", "template", "svg", "head")
# Each begins on a line of its own; what stands between is one line of a paragraph.
_BLOCKS = re.compile(
    r"^(address|article|aside|blockquote|br|d[dlt]|div|fig(caption|ure)|footer|form|h[1-6r]|header|li|main|nav|[ou]l|p"
    r"|pre|section|t(able|[dhr]))$"
)
_SPACE = re.compile(r"\s+")


def text_of(path: Path, data: bytes) -> str:
    """The text of a file, by its suffix. Raises UsageError, naming the file, where it has none that can be read."""
    suffix = path.suffix.lower()
    if suffix in PDF_SUFFIXES:
        return _pdf_text(path, data)
    if suffix in HTML_SUFFIXES:
        return _html_text(path, data)
    return _plain_text(path, data)


def _plain_text(path: Path, data: bytes) -> str:
    return _decoded(path, data, _marked(data) or "utf-8")


def _marked(data: bytes) -> str | None:
    """The encoding that a byte order mark names."""
    return next((name for mark, name in _MARKS if data.startswith(mark)), None)


def _decoded(path: Path, data: bytes, encoding: str) -> str:
    """Text in an encoding that is known: guessing one would turn text into other text without a word."""
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        named = "UTF-8" if encoding.startswith("utf-8") else encoding.upper()
        byte = f"byte 0x{data[error.start]:02x}"
        told = f"not {named} ({byte}); convert it, for example with iconv, or leave it out"
        raise UsageError(f"corpus {path}:{line}: {told}") from error
    except (LookupError, UnicodeError):  # Python's `undefined` is one that can't read anything
        raise UsageError(f"corpus {path}: names an encoding {encoding!r} that is not known; convert it") from None
    if "\0" in text:
        raise UsageError(f"corpus {path}: holds NUL bytes, so it is no text; leave it out")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _html_text(path: Path, data: bytes) -> str:
    """What a page shows, a block a line, in the encoding that it names; UTF-8 where it names none."""
    # Here and not above: chats need no HTML, and every worker would pay for it.
    from bs4 import BeautifulSoup
    from bs4.dammit import EncodingDetector
    from bs4.element import NavigableString

    named = _marked(data) or EncodingDetector.find_declared_encoding(data, is_html=True) or "utf-8"
    text = _decoded(path, data, _AS_BROWSERS.get(named.lower(), named))
    with warnings.catch_warnings():
        # XHTML is read as HTML; a page of one line is no file name.
        warnings.simplefilter("ignore")
        page = BeautifulSoup(text, "html.parser")
    for element in page(_NOT_SHOWN):
        element.decompose()
    for piece in page.find_all(string=True):
        # Line breaks in a <pre> are meant; elsewhere they are white space like any.
        if type(piece) is NavigableString and piece.find_parent("pre") is None:
            piece.replace_with(_SPACE.sub(" ", piece))
    for element in page.find_all(_BLOCKS):
        element.insert_before("\n")
        element.append("\n")
    shown = "\n".join(line.rstrip() for line in page.get_text().splitlines())
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"(?m)^ (?! )", "", shown)).strip("\n")


def _pdf_text(path: Path, data: bytes) -> str:
    try:
        from pypdf import PdfReader
    except ImportError:
        raise UsageError(
            f"corpus {path}: PDF needs the package pypdf (pip install 'loadgen[pdf]'); or convert the file to text"
        ) from None
    # It warns of every blemish that it mends.
    logging.getLogger("pypdf").setLevel(logging.ERROR)
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise UsageError(f"corpus {path}: the PDF needs a password; decrypt it first")
        text = "\n\n".join(page.extract_text() for page in reader.pages)
    except UsageError:
        raise
    except Exception as error:
        # Of 3,000 broken files a hundredth ended in errors that are not pypdf's own: assertions, missing attributes.
        raise UsageError(f"corpus {path}: the PDF can't be read: {error or type(error).__name__}") from error
    if not text.strip():
        raise UsageError(f"corpus {path}: the PDF holds no text (scanned pages?); it would need OCR")
    return text
