"""How many characters make a token: the one place that turns asked token counts into lengths of text and back.

Called by the workloads that build text to a size. The ratio is an estimate until a calibration has asked the target;
reports take token counts from the server's usage, never from here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from loadgen.workloads.base import Workload

# DeepSeek's tokenizer makes 4.31 characters a token of python-docs and 4.13 of python-source (50 passages each).
DEFAULT_CHARS_PER_TOKEN = 4.2
# Hexadecimal is dense: 14 digits are 9.2 tokens to DeepSeek's tokenizer, not the 3 that their length suggests.
DEFAULT_NONCE_TOKENS = 9.0
NONCE_DIGITS = 14


@dataclass(frozen=True, slots=True)
class TextSizer:
    """What text becomes in tokens: characters (code points) a token, a nonce's tokens, and the chat template's own.

    message_tokens: around each message. opening_tokens: once a prompt, and system_opening_tokens instead where its
    first message is a system one (some templates put in a system message where there is none).
    """

    chars_per_token: float = DEFAULT_CHARS_PER_TOKEN
    nonce_tokens: float = DEFAULT_NONCE_TOKENS
    message_tokens: float = 0.0
    opening_tokens: float = 0.0
    system_opening_tokens: float = 0.0

    def chars(self, tokens: float) -> int:
        """The length of text that is about `tokens` long."""
        return round(tokens * self.chars_per_token)

    def tokens(self, chars: int) -> int:
        """About how many tokens `chars` characters are; at least 1 where there is any text."""
        return max(1, round(chars / self.chars_per_token)) if chars else 0

    def template_tokens(self, messages: int, *, system: bool) -> int:
        """What the chat template adds to a prompt of so many messages; system: whether the first is a system one."""
        opening = self.system_opening_tokens if system else self.opening_tokens
        return max(0, round(opening + messages * self.message_tokens))


class Named(Protocol):
    """A corpus in whatever form: what matters here is what the scenario calls it."""

    @property
    def name(self) -> str:
        """As the scenario says it."""
        ...


@runtime_checkable
class SizedWorkload(Protocol):
    """A workload that builds its text to a size."""

    @property
    def corpus(self) -> Named:
        """The text it draws from."""
        ...

    def resize(self, sizer: TextSizer) -> None:
        """Build to sizes by this one from now on; called before the first session."""
        ...


def resize_all(workloads: Iterable[Workload], sizers: Mapping[str, TextSizer]) -> None:
    """Give each workload the sizer of its corpus, where a calibration found one."""
    for workload in workloads:
        if isinstance(workload, SizedWorkload) and (sizer := sizers.get(workload.corpus.name)) is not None:
            workload.resize(sizer)
