"""The simulated tokeniser and prompt blocks."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from loadgen.simulator.tokens import PromptReader, output_tokens, seed_of, stop_length, tokenise

Message = tuple[str, str]
TALK: list[Message] = [("system", "You are helpful. " * 20), ("user", "Why is the sky blue?\n\n  ok?")]


@given(st.text())
def test_tokens_joined_are_the_text(text: str) -> None:
    assert "".join(tokenise(text)) == text


def test_english_has_about_four_characters_a_token() -> None:
    text = "The quick brown fox jumps over the lazy dog, and then it investigates the surroundings. " * 10
    assert 3.5 < len(text) / len(tokenise(text)) < 5.5


def test_output_comes_back_as_the_tokens_it_was_made_of() -> None:
    pieces = output_tokens(500, Random(1))
    assert len(pieces) == 500
    assert tokenise("".join(pieces)) == pieces


def test_the_natural_length_is_at_least_one_and_around_its_median() -> None:
    rng = Random(1)
    lengths = sorted(stop_length(rng) for _ in range(2001))
    assert lengths[0] >= 1
    assert 110 < lengths[1000] < 145


def test_a_prompt_holds_its_texts_and_two_markers_a_message() -> None:
    prompt = PromptReader(16).read(TALK)
    texts = sum(len(tokenise(text)) for _, text in TALK)
    assert prompt.tokens == texts + 4
    assert len(prompt.blocks) == prompt.tokens // 16
    assert len(prompt.tail) == prompt.tokens % 16


def test_a_remembered_prompt_reads_as_one_never_seen() -> None:
    longer = [*TALK, ("assistant", "Because of Rayleigh."), ("user", "And at dusk?")]
    reader = PromptReader(16)
    reader.read(TALK)
    assert reader.read(longer) == PromptReader(16).read(longer)
    assert reader.read(longer) == PromptReader(16).read(longer)


def test_the_next_turn_begins_with_the_blocks_of_this_one_and_its_answer() -> None:
    reader = PromptReader(16)
    pieces = output_tokens(50, Random(1))
    answered = reader.answered(reader.read(TALK), pieces)
    following = reader.read([*TALK, ("assistant", "".join(pieces)), ("user", "Go on.")])
    assert following.blocks[: len(answered.blocks)] == answered.blocks


def test_another_start_shares_no_block() -> None:
    reader = PromptReader(16)
    one = reader.read([("system", "A. " * 40), ("user", "same " * 40)])
    other = reader.read([("system", "B. " * 40), ("user", "same " * 40)])
    assert not set(one.blocks) & set(other.blocks)


def test_the_role_is_part_of_the_prompt() -> None:
    reader = PromptReader(2)
    assert reader.read([("user", "hello")]).blocks != reader.read([("system", "hello")]).blocks


def test_only_so_many_prompts_are_remembered() -> None:
    reader = PromptReader(16)
    for n in range(2000):
        reader.read([("user", f"question {n}")])
    assert len(reader._seen) <= 512


def test_seeds_follow_the_conversation_and_the_run() -> None:
    assert seed_of(TALK, 1) == seed_of(list(TALK), 1)
    assert seed_of(TALK, 1) != seed_of(TALK, 2)
    assert seed_of(TALK, 1) != seed_of(TALK[:1], 1)
    # The same in every process: no salted hash in it.
    assert seed_of([("user", "hello")], 1) == 114265623
