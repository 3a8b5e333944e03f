"""The timing model of the simulated inference engine: the one place to read how long anything takes.

An engine works in steps. A step runs the model once over the prompts being prefilled (in chunks, up to a budget)
and over one token of every sequence being decoded, and takes

    duration = step_base                                  weights are read once, whatever the batch
             + prefill_tokens / prefill_tokens_per_s      compute-bound
             + new_requests * prefill_overhead_s          tokenising, scheduling, block tables
             + sequences * decode_per_sequence_s          sampling and the small per-sequence kernels
             + kv_tokens * decode_per_kv_token_s          attention reads the whole KV cache of the batch

times a lognormal jitter of mean 1. A shared service may keep a request waiting before its engine sees it at all: a
lognormal wait, the other tenants' doing. So an idle engine's time to first token is about one step that holds the whole
prompt, its time per output token one step of decoding, and both grow with the batch, as on real engines.
Called by batching.py. Knows nothing of HTTP or clocks: durations are plain seconds.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Profile:
    """The speed and size of one simulated engine. Times in seconds, sizes in tokens.

    max_batch: sequences that run at once. kv_tokens: room in the KV cache, running sequences and kept prefixes
    together. prefill_budget: prompt tokens a step may prefill. block_tokens: unit of the prefix cache.
    queue_limit: requests that may wait; one more is refused. context_length: prompt and output of one request.
    jitter_sigma: sigma of the lognormal factor on each step's duration, 0 for none. queue_median_s, queue_sigma: the
    wait in front of the engine, 0 for none. whole_units: the prefix cache hits whole prefixes only (cache.py).
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
    queue_median_s: float = 0.0
    queue_sigma: float = 0.0
    whole_units: bool = False

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

    def alone_s(self, prompt_tokens: int, output_tokens: int) -> float:
        """About how long a request takes that has the engine to itself, before jitter."""
        prefill_s = self.step_s(prefill_tokens=prompt_tokens, new_requests=1, sequences=0, kv_tokens=0)
        kv_tokens = prompt_tokens + output_tokens // 2
        decode_s = self.step_s(prefill_tokens=0, new_requests=0, sequences=1, kv_tokens=kv_tokens)
        return prefill_s + (output_tokens - 1) * decode_s

    def jitter(self, rng: Random) -> float:
        """A factor of mean 1: exp(N(-sigma**2 / 2, sigma))."""
        sigma = self.jitter_sigma
        return math.exp(rng.gauss(-sigma * sigma / 2, sigma)) if sigma else 1.0

    def queue_waits(self, seed: int) -> Iterator[float]:
        """For each request in order of arrival, how long it waits in front of the engine, in seconds; endless."""
        rng = Random(seed ^ _QUEUE_SEED)
        while True:
            yield self.queue_median_s * rng.lognormvariate(0.0, self.queue_sigma) if self.queue_median_s else 0.0


# The waits' random numbers are not the jitter's.
_QUEUE_SEED = 0x9E3779B9

# `default` is a small model on a laptop-sized accelerator: TTFT of 200 tokens about 40 ms, 16 to 25 ms a token.
# `fast` makes tests quick. `slow` is a large model on too little hardware: it queues early. The numbers of all three
# are made up. Those of the others come from where it is said beside them; none was fitted to measurements of the
# system that it is like (docs/simulator.md).
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
        # llama.cpp with Llama 3.1 8B Q4_K_M on an M4: 225 tokens/s prefill and 20.9 decode, as its owner published
        # (github.com/brand-o/normiebench, issue 3). A KV token is 32 layers * 8 heads * 128 * 2 * 2 B = 131 kB, read at
        # 120 GB/s. Assumed: four slots, 32k of context, 3 ms a sequence; 16-token cache units (llama.cpp has no units).
        "laptop": Profile(
            prefill_tokens_per_s=230,
            prefill_overhead_s=0.005,
            step_base_s=0.048,
            decode_per_sequence_s=0.003,
            decode_per_kv_token_s=0.000_001_1,
            max_batch=4,
            kv_tokens=32_768,
            prefill_budget=512,
            context_length=32_768,
            queue_limit=1024,
            jitter_sigma=0.05,
        ),
        # vLLM with Llama 3.1 8B in 16 bits on one H100 SXM, from its data sheet: 16 GB of weights at 3.35 TB/s are 4.8
        # ms; 16 GFLOP a prompt token at 45 % (assumed) of 989 TFLOP/s; 131 kB a KV token at 3.35 TB/s; 53 GB of 80 left
        # for the KV cache. Assumed: 2 ms a step of launching and scheduling, 256 sequences, 8k tokens of prefill.
        "h100": Profile(
            prefill_tokens_per_s=28_000,
            prefill_overhead_s=0.001,
            step_base_s=0.006_8,
            decode_per_sequence_s=0.000_015,
            decode_per_kv_token_s=0.000_000_039,
            max_batch=256,
            kv_tokens=404_000,
            prefill_budget=8192,
            context_length=131_072,
            jitter_sigma=0.03,
        ),
        # A DeepSeek-like API: cache rules and context as documented, all times assumed.
        "deepseek": Profile(
            prefill_tokens_per_s=20_000,
            prefill_overhead_s=0.01,
            step_base_s=0.02,
            decode_per_sequence_s=0.000_02,
            decode_per_kv_token_s=0.000_000_002,
            max_batch=512,
            kv_tokens=16_777_216,
            prefill_budget=8192,
            context_length=1_048_576,
            queue_limit=1024,
            block_tokens=64,
            jitter_sigma=0.1,
            queue_median_s=0.3,
            queue_sigma=0.6,
            whole_units=True,
        ),
    }
)
