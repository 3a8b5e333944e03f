"""Conversations of several turns over real text: what the `chat` kind of a scenario sends.

Built by `build_workload`, driven by the engine. Text is drawn as escaped passages and joined into messages; a history
is a tuple that shares the messages of the turns before. Nothing here sends, waits or encodes a message twice.

How a server's prefix cache is met is decided here, and only here:

* The first user message opens with a nonce of its session, so that beyond a shared prefix no two sessions have
  anything in common. Without a prefix they differ from the first bytes of that message.
* `prefix.scope: all` puts in front a system message that is byte-identical in every session and every worker.
* `session` puts in front one that is unique to the session: its later turns hit, nothing else can.
* `turn` puts in front one that is new on every turn and opens with a nonce: nothing can ever hit but what the chat
  template itself writes before the first message.
"""

from collections.abc import Sequence
from random import Random

from loadgen.client.reply import Reply
from loadgen.scenario.model import ChatSpec
from loadgen.workloads.base import Turn
from loadgen.workloads.corpus import Corpus
from loadgen.workloads.fragments import assistant_message, text_message
from loadgen.workloads.sizing import TextSizer

# Something to do with the passage, so that a real model writes an answer of some length. Plain ASCII without quotes:
# they go into messages unescaped.
_INSTRUCTIONS = (
    b"Summarise the main points of this text:\\n\\n",
    b"Explain to a beginner what this text says:\\n\\n",
    b"List the facts that can be learned from this text:\\n\\n",
    b"Write a short review of this text, with one example:\\n\\n",
)
_SYSTEM_OPENING = b"Answer with the help of this reference text.\\n\\n"


class ChatWorkload:
    """Makes chat sessions from one `chat` entry of the scenario."""

    def __init__(self, spec: ChatSpec, corpus: Corpus, sizer: TextSizer, *, seed: int) -> None:
        """`seed` is the scenario's: with the workload's name it fixes the prefix that all sessions share."""
        self.name = spec.name
        self.spec = spec
        self.corpus = corpus
        self._seed = seed
        self._shared_prefix: tuple[bytes, int] | None = None
        self.resize(sizer)

    def resize(self, sizer: TextSizer) -> None:
        """Build texts to sizes by this one from now on, the prefix that all sessions share included."""
        self.sizer = sizer
        if self.spec.prefix is not None and self.spec.prefix.scope == "all":
            # Seeding by a string is stable across processes and Python versions (SHA-512, documented).
            rng = Random(f"prefix of {self.name}, seed {self._seed}")
            self._shared_prefix = self._prefix_text(rng, ordinal=0, nonce=b"")

    def session(self, ordinal: int, rng: Random) -> "ChatSession":
        """Session `ordinal`. It keeps `rng` and draws each turn from it, so `rng` must be the session's own."""
        return ChatSession(self, ordinal, rng)

    def start_times(self) -> Sequence[float] | None:
        """None: a chat has no recorded clock."""
        return None

    def prefix(self, rng: Random, ordinal: int) -> tuple[bytes, int]:
        """The system message in front of a session or turn, and its size in tokens as asked."""
        if self._shared_prefix is not None:
            return self._shared_prefix
        return self._prefix_text(rng, ordinal, nonce=_nonce(rng))

    def user_message(self, rng: Random, tokens: int, *, nonce: bytes) -> bytes:
        """A user message of about `tokens` tokens: nonce, instruction and a passage, which gives way to the others.

        Where the size leaves no room for an instruction, it is left out.
        """
        room = self._room(tokens, nonce)
        instruction = _INSTRUCTIONS[int(rng.random() * len(_INSTRUCTIONS))]
        if room < 2 * len(instruction):
            instruction = b""
        passage = self.corpus.escaped_passage(rng, max(1, room - len(instruction)))
        return text_message("user", nonce, instruction, passage)

    def _prefix_text(self, rng: Random, ordinal: int, *, nonce: bytes) -> tuple[bytes, int]:
        assert self.spec.prefix is not None
        tokens = self.spec.prefix.tokens.draw_tokens(rng, ordinal)
        chars = max(1, self._room(tokens, nonce) - len(_SYSTEM_OPENING))
        return text_message("system", nonce, _SYSTEM_OPENING, self.corpus.escaped_passage(rng, chars)), tokens

    def _room(self, tokens: int, nonce: bytes) -> int:
        """How many characters are left of a text of `tokens` tokens behind a nonce, which may be empty."""
        return self.sizer.chars(tokens - self.sizer.nonce_tokens if nonce else tokens)


class ChatSession:
    """One conversation: new user text each turn, the model's own answers in between.

    A failed turn ends it: a conversation with a missing answer is not one that anybody has, and the turns that would
    have followed are never scheduled. Lists in the spec are cycled through by session number plus turn number.
    """

    __slots__ = ("_history", "_history_tokens", "_ordinal", "_prefix", "_rng", "_turn", "_turns", "_workload")

    def __init__(self, workload: ChatWorkload, ordinal: int, rng: Random) -> None:
        self._workload = workload
        self._ordinal = ordinal
        self._rng = rng
        self._turns = workload.spec.turns.draw_tokens(rng, ordinal)
        self._turn = 0
        self._history: tuple[bytes, ...] = ()
        self._history_tokens = 0
        self._prefix: tuple[bytes, int] | None = None
        if workload.spec.prefix is not None and workload.spec.prefix.scope != "turn":
            self._prefix = workload.prefix(rng, ordinal)

    def next_turn(self, last: Reply | None) -> Turn | None:
        """The next turn; None after the last one or after a failed one.

        `input_tokens` of the turn is an estimate: the sizes asked for of everything in the prompt, and the answers as
        the server counted them (by their length where it did not), and what a calibration found of the chat template.
        """
        if self._turn >= self._turns or (last is not None and not last.ok):
            return None
        if last is not None:
            self._history += (assistant_message(last.text),)
            self._history_tokens += self._answer_tokens(last)
        spec, rng, ordinal = self._workload.spec, self._rng, self._ordinal + self._turn
        delay_s = max(0.0, spec.think_time.draw(rng, ordinal)) if self._turn else 0.0
        tokens = spec.prompt_tokens.draw_tokens(rng, ordinal)
        nonce = b"" if self._turn else _nonce(rng)
        self._history += (self._workload.user_message(rng, tokens, nonce=nonce),)
        self._history_tokens += tokens
        messages, input_tokens = self._with_prefix(ordinal)
        self._turn += 1
        return Turn(
            messages=messages,
            delay_s=delay_s,
            input_tokens=input_tokens,
            output_tokens=None if spec.output_tokens is None else spec.output_tokens.draw_tokens(rng, ordinal),
        )

    def _with_prefix(self, ordinal: int) -> tuple[tuple[bytes, ...], int]:
        prefix = self._prefix
        if prefix is None and self._workload.spec.prefix is not None:
            prefix = self._workload.prefix(self._rng, ordinal)
        if prefix is None:
            return self._history, self._history_tokens + self._template_tokens(len(self._history), system=False)
        message, tokens = prefix
        messages = (message, *self._history)
        return messages, self._history_tokens + tokens + self._template_tokens(len(messages), system=True)

    def _template_tokens(self, messages: int, *, system: bool) -> int:
        return self._workload.sizer.template_tokens(messages, system=system)

    def _answer_tokens(self, reply: Reply) -> int:
        """The size of a reply's text, without reasoning, which does not go back into the history."""
        counted = reply.usage.output_tokens
        reasoning = reply.usage.reasoning_tokens
        if counted is None or (reply.reasoning and reasoning is None):
            return self._workload.sizer.tokens(len(reply.text))
        return max(0, counted - (reasoning or 0))


def _nonce(rng: Random) -> bytes:
    """53 random bits in hexadecimal and a space: text that no other session or turn begins with.

    From `random()`, the one method of Random that is promised to give the same numbers in every Python version.
    """
    return b"%014x " % int(rng.random() * 2**53)
