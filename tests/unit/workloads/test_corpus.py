"""A corpus hands out real, contiguous text, and says which file it can't use."""

import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.errors import UsageError
from loadgen.workloads.corpus import Corpus, load_corpus

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
