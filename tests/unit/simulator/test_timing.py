"""The timing model: what a step costs."""

from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import fmean

import pytest

from loadgen.simulator.batching import SimRequest, simulate
from loadgen.simulator.timing import PROFILES, Profile


def _profile(**changes: float) -> Profile:
    values = {
        "prefill_tokens_per_s": 1000.0,
        "prefill_overhead_s": 0.01,
        "step_base_s": 0.02,
        "decode_per_sequence_s": 0.001,
        "decode_per_kv_token_s": 0.00001,
        "max_batch": 4,
        "kv_tokens": 1600,
        "prefill_budget": 100,
        "context_length": 800,
    }
    return Profile(**(values | changes))  # type: ignore[arg-type]


def test_a_step_is_the_sum_of_its_parts() -> None:
    assert _profile().step_s(prefill_tokens=50, new_requests=2, sequences=3, kv_tokens=400) == pytest.approx(
        0.02 + 0.05 + 0.02 + 0.003 + 0.004
    )


def test_jitter_leaves_the_mean_alone() -> None:
    profile, rng = _profile(jitter_sigma=0.2), Random(1)
    factors = [profile.jitter(rng) for _ in range(20_000)]
    assert fmean(factors) == pytest.approx(1.0, abs=0.005)
    assert min(factors) > 0
    assert max(factors) > 1.5


def test_without_sigma_there_is_no_jitter() -> None:
    assert _profile().jitter(Random(1)) == 1.0


@pytest.mark.parametrize("changes", [{"kv_tokens": 799}, {"kv_tokens": 815, "context_length": 810}])
def test_a_cache_too_small_for_one_request_is_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="kv_tokens must hold"):
        _profile(**changes)


def test_the_default_profile_feels_like_a_laptop() -> None:
    (alone,) = simulate([SimRequest(0.0, 200, 100)], PROFILES["default"], seed=1)
    assert alone.token_s is not None
    assert 0.03 < alone.token_s[0] < 0.08
    tpot_s = (alone.token_s[-1] - alone.token_s[0]) / 99
    crowded_s = PROFILES["default"].step_s(prefill_tokens=0, new_requests=0, sequences=48, kv_tokens=48 * 300)
    assert 0.015 < tpot_s < crowded_s < 0.025


def test_waits_in_front_of_the_engine_are_lognormal_and_part_of_the_time_to_first_token() -> None:
    profile = _profile(queue_median_s=0.5, queue_sigma=0.5)
    waits = profile.queue_waits(1)
    drawn = sorted(next(waits) for _ in range(2001))
    assert drawn[1000] == pytest.approx(0.5, rel=0.1)
    results = simulate([SimRequest(float(number), 10, 2) for number in range(50)], profile, seed=1)
    assert min(result.queued_s for result in results if result.queued_s is not None) > 0.1
    assert next(_profile().queue_waits(1)) == 0.0


def _alone(name: str, prompt_tokens: int) -> tuple[float, float]:
    """TTFT and TPOT of one request on an idle engine, in seconds."""
    (result,) = simulate([SimRequest(0.0, prompt_tokens, 101)], replace(PROFILES[name], jitter_sigma=0.0), seed=1)
    assert result.token_s is not None
    return result.token_s[0], (result.token_s[-1] - result.token_s[0]) / 100


def test_the_named_profiles_do_what_they_say() -> None:
    ttft_s, tpot_s = _alone("laptop", 512)
    assert 512 / ttft_s == pytest.approx(225, rel=0.05)
    assert 1 / tpot_s == pytest.approx(20, rel=0.1)
    ttft_s, tpot_s = _alone("h100", 2800)
    assert ttft_s == pytest.approx(0.108, rel=0.1)
    assert 1 / tpot_s == pytest.approx(145, rel=0.1)
    profile = PROFILES["h100"]
    full_s = profile.step_s(prefill_tokens=0, new_requests=0, sequences=256, kv_tokens=256 * 1000)
    assert 12_000 < 256 / full_s < 20_000
    ttft_s, tpot_s = _alone("deepseek", 1000)
    assert ttft_s > 0.08
    assert 1 / tpot_s == pytest.approx(50, rel=0.1)


def test_the_documented_profiles_are_these() -> None:
    page = (Path(__file__).parents[3] / "docs/simulator.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `") and line.count("|") == 14}
    for name, profile in PROFILES.items():
        told = [float(cell.replace(",", "")) for cell in rows[name].split("|")[2:-1]]
        assert told == pytest.approx(
            [
                profile.prefill_tokens_per_s,
                profile.prefill_overhead_s * 1e3,
                profile.step_base_s * 1e3,
                profile.decode_per_sequence_s * 1e6,
                profile.decode_per_kv_token_s * 1e9,
                profile.max_batch,
                profile.kv_tokens,
                profile.prefill_budget,
                profile.context_length,
                profile.queue_limit,
                profile.block_tokens,
                profile.jitter_sigma,
            ]
        ), name
