"""What `--find-max` finds in virtual time, held against the true maximum that benchmarks/capacity.py plays out."""

import pytest

from benchmarks.capacity import WITHIN, case_of, search

# As docs/capacity-planning.md has them: the highest rates that keep `ttft p90 < 500ms`.
TRUTHS = {"default": 23.6, "h100": 13.0}
# With steps of 40 s, 3 searches of 40 on `h100` are further off.
STEP_S = 80.0


@pytest.mark.parametrize("profile", TRUTHS)
def test_the_maximum_found_is_within_a_tenth_of_the_true_one(profile: str) -> None:
    answer, trials = search(case_of(profile), 3, STEP_S)
    assert answer.highest_passed is not None
    assert answer.lowest_failed is not None
    # What is between the two is not known, and said so: the truth is there, and their middle near it.
    assert answer.highest_passed < TRUTHS[profile] < answer.lowest_failed
    middle = (answer.highest_passed * answer.lowest_failed) ** 0.5
    assert middle == pytest.approx(TRUTHS[profile], rel=WITHIN)
    assert 5 < len(trials) < 40
