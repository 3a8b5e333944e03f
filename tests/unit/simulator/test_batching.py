"""The engine: continuous batching in virtual time."""

from dataclasses import replace
from random import Random

import pytest

from loadgen.simulator.batching import Engine, Job, QueueFullError, SimRequest, SimResult, simulate
from loadgen.simulator.timing import PROFILES, Profile

# Round numbers: a step is 10 ms, a prompt token 1 ms, a request 5 ms, a decoding sequence 1 ms.
PROFILE = Profile(
    prefill_tokens_per_s=1000,
    prefill_overhead_s=0.005,
    step_base_s=0.010,
    decode_per_sequence_s=0.001,
    decode_per_kv_token_s=0.0,
    max_batch=4,
    kv_tokens=1024,
    prefill_budget=64,
    context_length=512,
    queue_limit=8,
)


def _run(*requests: SimRequest, profile: Profile = PROFILE) -> list[SimResult]:
    return simulate(requests, profile, seed=1)


def _times(result: SimResult) -> list[float]:
    assert result.token_s is not None
    return list(result.token_s)


def _drain(engine: Engine) -> list[Job]:
    finished = []
    while not engine.idle:
        engine.begin_step()
        finished += engine.end_step().finished
    return finished


def test_an_idle_engine_answers_by_the_formula() -> None:
    (result,) = _run(SimRequest(2.0, 20, 3))
    assert _times(result) == pytest.approx([2.035, 2.046, 2.057])
    assert result.queued_s == 0


def test_a_prompt_beyond_the_budget_takes_several_steps() -> None:
    (result,) = _run(SimRequest(0.0, 100, 1))
    assert _times(result) == pytest.approx([0.005 + 0.010 + 0.064 + 0.010 + 0.036])


def test_decoding_slows_down_while_another_prompt_is_prefilled() -> None:
    first, second = _run(SimRequest(0.0, 20, 5), SimRequest(0.040, 30, 1))
    gaps = [after - before for before, after in zip(_times(first), _times(first)[1:], strict=False)]
    # The second arrives within the first's second step and shares the third with it.
    assert gaps == pytest.approx([0.011, 0.046, 0.011, 0.011])
    assert _times(second) == pytest.approx([0.092])
    assert second.queued_s == pytest.approx(0.006)


def test_kv_length_slows_decoding_by_what_the_batch_holds() -> None:
    (result,) = _run(SimRequest(0.0, 20, 3), profile=replace(PROFILE, decode_per_kv_token_s=0.001))
    times = _times(result)
    assert times[1] - times[0] == pytest.approx(0.011 + 0.021)
    assert times[2] - times[1] == pytest.approx(0.011 + 0.022)


def test_more_than_max_batch_wait_in_order_of_arrival() -> None:
    results = _run(*(SimRequest(index * 1e-6, 10, 10) for index in range(6)))
    starts = [_times(result)[0] for result in results]
    assert starts == sorted(starts)
    ends = sorted(_times(result)[-1] for result in results[:4])
    assert starts[4] > ends[0]
    assert results[4].queued_s is not None
    assert results[4].queued_s > 0.1


def test_a_request_waits_until_its_whole_output_fits() -> None:
    big = [SimRequest(0.0, 112, 400), SimRequest(0.0, 112, 400), SimRequest(0.0, 10, 10)]
    first, _second, third = _run(*big)
    assert _times(third)[0] > _times(first)[-1]


def test_at_the_queue_limit_a_request_is_refused() -> None:
    results = _run(*(SimRequest(0.0, 10, 10) for _ in range(9)))
    refused = [result for result in results if result.token_s is None]
    assert len(refused) == 1
    assert refused[0] is results[8]
    assert refused[0].queued_s is None


def test_the_server_side_of_the_queue_limit_is_an_error() -> None:
    engine = Engine(PROFILE, seed=1)
    for _ in range(8):
        engine.submit(Job(10, 10))
    with pytest.raises(QueueFullError):
        engine.submit(Job(10, 10))


def test_a_request_beyond_the_context_is_an_error() -> None:
    with pytest.raises(ValueError, match="512 tokens"):
        Engine(PROFILE, seed=1).submit(Job(500, 13))


def test_a_shared_prefix_is_prefilled_once_and_counted_in_whole_blocks() -> None:
    shared = [1, 2, 3]
    first, second = _run(SimRequest(0.0, 50, 2, shared), SimRequest(1.0, 50, 2, shared))
    assert (first.cached_tokens, second.cached_tokens) == (0, 48)
    assert _times(second)[0] - 1.0 == pytest.approx(0.015 + 0.002)


def test_a_prompt_wholly_in_the_cache_still_computes_its_last_block() -> None:
    _, second = _run(SimRequest(0.0, 32, 1, [1, 2]), SimRequest(1.0, 32, 1, [1, 2]))
    assert second.cached_tokens == 16


def test_the_next_turn_hits_the_answer_too() -> None:
    chain = [1, 2, 3, 4]
    _, following = _run(SimRequest(0.0, 20, 30, chain[:3]), SimRequest(5.0, 60, 1, chain))
    assert following.cached_tokens == 48


def test_old_prefixes_are_evicted_where_room_is_needed() -> None:
    prefixes = [[n * 100 + depth for depth in range(30)] for n in range(3)]
    requests = [SimRequest(float(n * 10), 490, 10, prefix) for n, prefix in enumerate([*prefixes, prefixes[0]])]
    # Of 64 blocks the third takes 32, so the first's 30 shrink to the 2 at its start.
    assert [result.cached_tokens for result in _run(*requests)] == [0, 0, 0, 32]
    again = [requests[0], replace(requests[0], arrival_s=90.0)]
    assert _run(*again)[1].cached_tokens == 480


@pytest.mark.parametrize("steps", range(7))
def test_a_cancelled_job_leaves_nothing_behind_at_any_moment(steps: int) -> None:
    engine = Engine(PROFILE, seed=1)
    victims = [Job(150, 3, list(range(9))), Job(20, 2)]
    for job in victims:
        engine.submit(job)
    for _ in range(steps):
        if not engine.idle:
            engine.begin_step()
            engine.end_step()
    for job in victims:
        engine.cancel(job)
    assert engine.idle
    assert engine.cache.pinned == 0
    other = Job(10, 2)
    engine.submit(other)
    assert engine.begin_step() == pytest.approx(0.025)
    engine.end_step()
    assert engine.begin_step() == pytest.approx(0.011)


def test_a_job_cancelled_within_a_step_gets_none_of_its_tokens() -> None:
    engine = Engine(PROFILE, seed=1)
    job, other = Job(10, 3), Job(10, 3)
    engine.submit(job)
    engine.submit(other)
    engine.begin_step()
    engine.cancel(job)
    assert engine.end_step().started == [other]
    assert _drain(engine) == [other]


def test_cancelling_twice_or_after_the_end_is_harmless() -> None:
    engine = Engine(PROFILE, seed=1)
    job = Job(10, 1)
    engine.submit(job)
    assert _drain(engine) == [job]
    engine.cancel(job)
    engine.cancel(job)
    assert engine.cache.pinned == 0


def test_a_random_load_gives_every_token_in_order_and_frees_every_block() -> None:
    rng = Random(3)
    requests = [
        SimRequest(rng.random() * 20, rng.randrange(1, 300), rng.randrange(1, 60), [rng.randrange(3)] * (n % 3))
        for n in range(300)
    ]
    profile = replace(PROFILE, queue_limit=1000, jitter_sigma=0.1)
    results = simulate(requests, profile, seed=5)
    for request, result in zip(sorted(requests, key=lambda r: r.arrival_s), results, strict=True):
        times = _times(result)
        assert len(times) == request.output_tokens
        assert times == sorted(times)
        assert times[0] > request.arrival_s
    assert results == simulate(reversed(requests), profile, seed=5)
    assert results != simulate(requests, profile, seed=6)


def test_a_token_of_prompt_and_output_is_the_least() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Job(0, 1)
    with pytest.raises(ValueError, match="at least one"):
        Job(1, 0)


def test_a_very_long_prompt_is_let_go_in_parts_and_known_the_next_time() -> None:
    engine, size = Engine(PROFILES["fast"], 1), PROFILES["fast"].block_tokens
    blocks = list(range(1, 60_001))
    for cached in (0, 59_999 * size):
        job = Job(60_000 * size, 2, blocks)
        engine.submit(job)
        _drain(engine)
        assert job.cached_tokens == cached
        assert (engine.cache.pinned, engine.cache.kept) == (0, 60_000)
