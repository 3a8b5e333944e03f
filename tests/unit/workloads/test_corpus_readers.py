"""What a corpus's files say: their text, or why it can't be had; never half of it."""

import sys
from pathlib import Path

import pytest

from loadgen.errors import UsageError
from loadgen.workloads.corpus import read_documents

PAGE = """<!DOCTYPE html><html><head><title>Not shown</title><script>var hidden = 1;</script></head><body>
<h1>Caf\u00e9 &amp; more</h1><p>One line
   of a <b>paragraph</b>.</p><style>p { color: red }</style>
<pre>
def kept():
    return 1
</pre><ul><li>first</li><li>second</li></ul></body></html>"""


def pdf(text: str) -> bytes:
    """A PDF of one page with one line."""
    stream = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    body, places = b"%PDF-1.4\n", []
    for number, written in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, written)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return b"%bxref\n0 6\n0000000000 65535 f \n%btrailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (
        body,
        table,
        len(body),
    )


def text_of(path: Path) -> str:
    (document,) = read_documents(str(path))
    return document.text


def refused(path: Path) -> str:
    with pytest.raises(UsageError) as error:
        read_documents(str(path))
    assert str(path) in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_page_is_what_it_shows_in_the_encoding_that_it_names(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(PAGE.replace("<head>", f'<head><meta charset="{encoding}">').encode(encoding))
    assert text_of(path) == (
        "Caf\u00e9 & more\n\nOne line of a paragraph.\n\ndef kept():\n    return 1\n\nfirst\n\nsecond"
    )


def test_a_page_that_says_latin_1_means_what_browsers_take_it_for(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(b'<meta charset="iso-8859-1"><p>\x93quoted\x94')
    assert text_of(path) == "\u201cquoted\u201d"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"<p>one</p>\n<p>caf\xe9", "page.html:2: not UTF-8 (byte 0xe9)"),
        (b'<meta charset="utf-8"><p>caf\xe9', "page.html:1: not UTF-8"),
        (b'<meta charset="klingon"><p>x', "names an encoding 'klingon' that is not known"),
        (b'<meta charset="undefined"><p>x', "names an encoding 'undefined' that is not known"),
        (b"<p>\0\1\2", "holds NUL bytes"),
    ],
)
def test_a_page_is_not_guessed_at(tmp_path: Path, data: bytes, told: str) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(data)
    assert told in refused(path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_says_the_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes("caf\u00e9\r\nand tea".encode(encoding))
    assert text_of(path) == "caf\u00e9\nand tea"


def test_a_pdf_is_its_pages(tmp_path: Path) -> None:
    path = tmp_path / "paper.pdf"
    path.write_bytes(pdf("The answer stands here."))
    assert text_of(path).strip() == "The answer stands here."


def test_a_pdf_without_its_reader_is_refused_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "paper.pdf"
    path.write_bytes(pdf("x"))
    monkeypatch.setitem(sys.modules, "pypdf", None)
    assert "pip install 'loadgen[pdf]'" in refused(path)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"%PDF-1.4\nbroken",
        b"no PDF at all",
        pdf("x").replace(b"/Size 6", b"/Size 6 /Encrypt << /Filter /Odd >>"),
    ],
)
def test_a_broken_pdf_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "paper.pdf"
    path.write_bytes(data)
    assert "can't be read" in refused(path)


def test_a_pdf_without_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(pdf(""))
    assert "OCR" in refused(path)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.txt"
    path.write_bytes(b"abc\0\0def")
    assert "NUL" in refused(path)


def test_a_mark_that_lies_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "half.txt"
    path.write_bytes(b"\xff\xfea\x00b")
    assert "not UTF-16" in refused(path)


def test_documents_are_named_by_their_paths_below_the_folder(tmp_path: Path) -> None:
    (tmp_path / "guide").mkdir()
    (tmp_path / "guide" / "a.rst").write_text("first")
    (tmp_path / "b.md").write_text("second")
    (tmp_path / "c.html").write_text("<p>third")
    (tmp_path / "d.pdf").write_bytes(pdf("fourth"))
    documents = [(document.source, document.text.strip()) for document in read_documents(str(tmp_path))]
    assert documents == [("b.md", "second"), ("c.html", "third"), ("d.pdf", "fourth"), ("guide/a.rst", "first")]


@pytest.mark.parametrize("name", ["python-docs", "python-source"])
def test_built_in_corpora_are_documents(name: str) -> None:
    documents = read_documents(name)
    assert len(documents) > 50
    assert len({document.source for document in documents}) == len(documents)
