"""Token counts become lengths of text by one ratio."""

import pytest

from loadgen.workloads.sizing import TextSizer


def test_a_token_of_english_is_about_four_characters() -> None:
    assert TextSizer().chars(1000) == 4200


def test_the_ratio_can_be_set() -> None:
    assert TextSizer(chars_per_token=2.0).chars(50) == 100


@pytest.mark.parametrize("tokens", [1, 7, 200, 100_000])
def test_there_and_back_is_the_same_count(tokens: int) -> None:
    sizer = TextSizer()
    assert sizer.tokens(sizer.chars(tokens)) == tokens


def test_no_text_is_no_tokens_and_any_text_at_least_one() -> None:
    assert TextSizer().tokens(0) == 0
    assert TextSizer().tokens(1) == 1
