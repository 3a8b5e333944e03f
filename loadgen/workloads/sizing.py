"""How many characters make a token: the one place that turns asked token counts into lengths of text and back.

Called by the workloads that build text to a size. The ratio is an estimate, which is all a generator can have before
the target has counted anything; reports take token counts from the server's usage, never from here.
"""

from dataclasses import dataclass

# DeepSeek's tokenizer makes 4.31 characters a token of python-docs and 4.13 of python-source (50 passages each).
DEFAULT_CHARS_PER_TOKEN = 4.2


@dataclass(frozen=True, slots=True)
class TextSizer:
    """Converts with one ratio, in characters (code points) a token."""

    chars_per_token: float = DEFAULT_CHARS_PER_TOKEN

    def chars(self, tokens: int) -> int:
        """The length of text that is about `tokens` long."""
        return round(tokens * self.chars_per_token)

    def tokens(self, chars: int) -> int:
        """About how many tokens `chars` characters are; at least 1 where there is any text."""
        return max(1, round(chars / self.chars_per_token)) if chars else 0
