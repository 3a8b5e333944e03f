"""A corpus hands out real, contiguous text, and says which file it can't use."""

import json
import os
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.errors import UsageError
from loadgen.workloads.corpus import Corpus, left_out, load_corpus, read_documents

# Longer than a block, with everything JSON has to escape and characters of one to four bytes.
WORDS = ['say "yes"', "back\\slash", "tab\there", "bell\x07", "näïve", "漢字", "😀 smile", "line\nbreak", "plain words"]
MIXED = " ".join(f"{WORDS[i % len(WORDS)]}{i}" for i in range(3000))


@pytest.fixture(scope="module")
def mixed() -> Corpus:
    return Corpus("mixed", MIXED)


def unescape(escaped: bytes) -> str:
    text = json.loads(b'"' + escaped + b'"')
    assert isinstance(text, str)
    return text


@given(seed=st.integers(0, 10_000), chars=st.integers(1, 3 * len(MIXED)))
def test_text_and_escaped_text_are_the_same_passage_of_the_asked_length(seed: int, chars: int) -> None:
    corpus = Corpus("mixed", MIXED)
    text = corpus.passage(Random(seed), chars)
    assert len(text) == chars
    assert unescape(corpus.escaped_passage(Random(seed), chars)) == text


@pytest.mark.parametrize("chars", [20, 4095, 4096, 4097, 9000])
def test_a_passage_is_contiguous_text_that_begins_with_a_word(mixed: Corpus, chars: int) -> None:
    for seed in range(50):
        passage = mixed.passage(Random(seed), chars)
        at = (MIXED + MIXED).find(passage)
        assert at > 0
        assert not passage[0].isspace()
        assert MIXED[at - 1].isspace()


def test_past_the_end_the_text_goes_on_at_its_beginning() -> None:
    corpus = Corpus("short", "one two three ")
    passage = corpus.passage(Random(0), 40)
    assert passage in "one two three " * 5


def test_text_without_spaces_still_gives_passages() -> None:
    text = "漢字かな交じり文" * 2000
    assert Corpus("spaceless", text).passage(Random(3), 100) in text


def test_the_same_seed_gives_the_same_passage_and_another_seed_another(mixed: Corpus) -> None:
    assert mixed.passage(Random(1), 500) == mixed.passage(Random(1), 500)
    assert mixed.passage(Random(1), 500) != mixed.passage(Random(2), 500)


@pytest.mark.parametrize(("name", "at_least"), [("python-docs", 300_000), ("python-source", 4_000_000)])
def test_built_in_corpora_hold_real_text(name: str, at_least: int) -> None:
    corpus = load_corpus(name)
    assert corpus.chars > at_least
    assert len(set(corpus.passage(Random(1), 2000).split())) > 50


def test_a_folder_is_read_in_order_of_its_names_without_hidden_and_binary_files(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("second")
    (tmp_path / "a.txt").write_text("first")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.rst").write_text("third")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "d.txt").write_text("hidden")
    (tmp_path / "e.bin").write_bytes(b"\xff\xfe")
    text = load_corpus(str(tmp_path)).passage(Random(0), 200)
    assert "first\n\nsecond\n\nthird" in text
    assert "hidden" not in text


def test_a_byte_order_mark_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_bytes(b"\xef\xbb\xbfsome words")
    assert load_corpus(str(path)).chars == len("some words")


def refused(path: Path) -> str:
    with pytest.raises(UsageError) as error:
        load_corpus(str(path))
    return str(error.value)


def test_a_file_in_another_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "old.txt"
    path.write_bytes(b"fine\ncaf\xe9\n")
    message = refused(tmp_path)
    assert f"{path}:2" in message
    assert "0xe9" in message


def test_a_missing_path_is_refused_with_the_shipped_names(tmp_path: Path) -> None:
    assert "python-docs, python-source" in refused(tmp_path / "nowhere")


def test_a_folder_without_text_files_is_refused_with_the_suffixes(tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    assert ".txt" in refused(tmp_path)


def test_a_blank_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "blank.txt"
    path.write_text(" \n\n")
    assert "holds no text" in refused(path)


def test_more_text_than_memory_should_hold_is_refused_without_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(65 * 2**20)
    assert "64 MiB" in refused(path)


def test_links_to_folders_are_followed_and_each_folder_is_read_once(tmp_path: Path) -> None:
    elsewhere, corpus = tmp_path / "elsewhere", tmp_path / "corpus"
    elsewhere.mkdir()
    corpus.mkdir()
    (elsewhere / "a.txt").write_text("linked")
    (elsewhere / "round").symlink_to(corpus)
    (corpus / "z.txt").write_text("own")
    (corpus / "docs").symlink_to(elsewhere)
    (corpus / "same").symlink_to(corpus)
    assert [one.source for one in read_documents(str(corpus))] == ["z.txt", "docs/a.txt"]


def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "b.txt").symlink_to(tmp_path / "b.txt")
    assert f"corpus {tmp_path / 'b.txt'}: can't be read" in refused(tmp_path)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe.txt"
    os.mkfifo(path)
    for reference in (path, tmp_path):
        assert f"corpus {path}: is no regular file" in refused(reference)


def test_a_folder_that_can_not_be_read_is_refused_and_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def denied(path: str) -> object:
        # The tests may run as a user whom no permission stops.
        if os.fspath(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    assert f"corpus {tmp_path / 'closed'}: can't be read: Permission denied" in refused(tmp_path)


def test_a_name_that_is_too_long_is_no_file(tmp_path: Path) -> None:
    assert "no such file or folder" in refused(tmp_path / ("x" * 5000))


def test_a_file_whose_name_is_no_utf_8_has_a_name_that_a_prompt_can_hold(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("text")
    (document,) = read_documents(str(tmp_path))
    assert document.source == "caf?.txt"


def test_files_that_are_not_read_are_counted_by_their_names(tmp_path: Path) -> None:
    for name in ("a.txt", "b.docx", "c.DOCX", "Makefile", ".hidden"):
        (tmp_path / name).write_text("text")
    assert left_out(str(tmp_path)) == {"": 1, ".docx": 2}
    assert left_out(str(tmp_path / "b.docx")) == {}
    assert left_out("python-docs") == {}
