"""Text from block ids: what shares an id shares its bytes, and a prompt is as long as it was recorded."""

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgen.simulator.tokens import tokenise
from loadgen.workloads.replay.blocks import BlockText

TEXT = BlockText(64, seed=1)


def text(hash_ids: list[int], tokens: int, *, scope: int = 0, own: int = 0, of: BlockText = TEXT) -> str:
    content: str = json.loads(of.message(hash_ids, tokens, scope=scope, own=own))["content"]
    return content


@pytest.mark.parametrize("block_tokens", [16, 64, 512])
@given(tokens=st.integers(1, 2000), data=st.data())
@settings(max_examples=30, deadline=None)
def test_a_prompt_has_the_recorded_number_of_tokens(block_tokens: int, tokens: int, data: st.DataObject) -> None:
    hash_ids = data.draw(st.lists(st.integers(-(2**63), 2**64), max_size=-(-tokens // block_tokens)))
    prompt = text(hash_ids, tokens, own=data.draw(st.integers(0, 2**40)), of=BlockText(block_tokens, seed=1))
    assert len(tokenise(prompt)) == tokens


def test_prompts_share_exactly_their_leading_blocks() -> None:
    one, other = tokenise(text([1, 2, 3, 4], 256)), tokenise(text([1, 2, 9, 4], 256))
    assert one[:128] == other[:128]
    assert one[128:136] != other[128:136]
    assert one[192:] == other[192:]


def test_a_last_block_that_is_cut_short_is_the_beginning_of_the_whole_one() -> None:
    assert text([1, 2], 128).startswith(text([1, 2], 100))


def test_ids_of_another_scope_are_other_blocks() -> None:
    assert tokenise(text([1], 64, scope=1))[:8] != tokenise(text([1], 64, scope=2))[:8]


def test_text_of_its_own_goes_on_with_the_same_words_and_is_shared_with_no_other() -> None:
    assert text([], 900, own=5).startswith(text([], 300, own=5))
    assert tokenise(text([], 64, own=5))[:8] != tokenise(text([], 64, own=6))[:8]
    assert tokenise(text([7], 128, own=5))[64:72] != tokenise(text([7], 128, own=6))[64:72]


def test_the_seed_decides_the_text_and_nothing_else_does() -> None:
    assert text([1, 2], 128, of=BlockText(64, seed=1)) == text([1, 2], 128)
    assert text([1, 2], 128, of=BlockText(64, seed=2)) != text([1, 2], 128)


def test_many_ids_make_as_many_different_blocks() -> None:
    blocks = BlockText(16, seed=1)
    openings = sorted(text([hash_id], 16, of=blocks) for hash_id in range(2000))
    assert all(before != after for before, after in pairwise(openings))
