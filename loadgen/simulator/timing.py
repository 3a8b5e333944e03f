"""The timing model of the simulated inference engine: the one place to read how long anything takes.

An engine works in steps. A step runs the model once over the prompts being prefilled (in chunks, up to a budget)
and over one token of every sequence being decoded, and takes

    duration = step_base                                  weights are read once, whatever the batch
             + prefill_tokens / prefill_tokens_per_s      compute-bound
             + new_requests * prefill_overhead_s          tokenising, scheduling, block tables
             + sequences * decode_per_sequence_s          sampling and the small per-sequence kernels
             + kv_tokens * decode_per_kv_token_s          attention reads the whole KV cache of the batch

times a lognormal jitter of mean 1. So an idle engine's time to first token is about one step that holds the whole
prompt, its time per output token one step of decoding, and both grow with the batch, as on real engines.
Called by batching.py. Knows nothing of HTTP or clocks: durations are plain seconds.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Profile:
    """The speed and size of one simulated engine. Times in seconds, sizes in tokens.

    max_batch: sequences that run at once. kv_tokens: room in the KV cache, running sequences and kept prefixes
    together. prefill_budget: prompt tokens a step may prefill. block_tokens: unit of the prefix cache.
    queue_limit: requests that may wait; one more is refused. context_length: prompt and output of one request.
    jitter_sigma: sigma of the lognormal factor on each step's duration, 0 for none.
    """

    prefill_tokens_per_s: float
    prefill_overhead_s: float
    step_base_s: float
    decode_per_sequence_s: float
    decode_per_kv_token_s: float
    max_batch: int
    kv_tokens: int
    prefill_budget: int
    context_length: int
    queue_limit: int = 2048
    block_tokens: int = 16
    jitter_sigma: float = 0.0

    def __post_init__(self) -> None:
        if self.context_length > self.kv_tokens // self.block_tokens * self.block_tokens:
            raise ValueError("kv_tokens must hold, in whole blocks, one request of context_length")

    def step_s(self, *, prefill_tokens: int, new_requests: int, sequences: int, kv_tokens: int) -> float:
        """Seconds one step takes, before jitter: the formula above.

        sequences: those that decode a token. kv_tokens: what their attention reads, summed.
        """
        return (
            self.step_base_s
            + prefill_tokens / self.prefill_tokens_per_s
            + new_requests * self.prefill_overhead_s
            + sequences * self.decode_per_sequence_s
            + kv_tokens * self.decode_per_kv_token_s
        )

    def jitter(self, rng: Random) -> float:
        """A factor of mean 1: exp(N(-sigma**2 / 2, sigma))."""
        sigma = self.jitter_sigma
        return math.exp(rng.gauss(-sigma * sigma / 2, sigma)) if sigma else 1.0


# `default` is a small model on a laptop-sized accelerator: TTFT of 200 tokens about 40 ms, 16 to 25 ms a token.
# `fast` makes tests quick. `slow` is a large model on too little hardware: it queues early.
PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "default": Profile(
            prefill_tokens_per_s=10_000,
            prefill_overhead_s=0.004,
            step_base_s=0.016,
            decode_per_sequence_s=0.000_1,
            decode_per_kv_token_s=0.000_000_02,
            max_batch=64,
            kv_tokens=1_048_576,
            prefill_budget=1024,
            context_length=262_144,
            jitter_sigma=0.05,
        ),
        "fast": Profile(
            prefill_tokens_per_s=4_000_000,
            prefill_overhead_s=0.000_1,
            step_base_s=0.000_3,
            decode_per_sequence_s=0.000_002,
            decode_per_kv_token_s=0.0,
            max_batch=256,
            kv_tokens=4_194_304,
            prefill_budget=65_536,
            context_length=1_048_576,
        ),
        "slow": Profile(
            prefill_tokens_per_s=2_000,
            prefill_overhead_s=0.05,
            step_base_s=0.06,
            decode_per_sequence_s=0.002,
            decode_per_kv_token_s=0.000_000_2,
            max_batch=8,
            kv_tokens=131_072,
            prefill_budget=512,
            context_length=131_072,
            queue_limit=64,
            jitter_sigma=0.1,
        ),
    }
)
