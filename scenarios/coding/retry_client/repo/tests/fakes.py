"""A server and a clock for tests."""

from collections.abc import Sequence

from fetching import FetchError, Request, Response


class Clock:
    """Time that passes by sleeping only."""

    def __init__(self) -> None:
        self.time = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


class Server:
    """Gives its answers one after the other, the last one for ever; a number is a status."""

    def __init__(self, *answers: int | Response | FetchError) -> None:
        self._answers: Sequence[int | Response | FetchError] = answers
        self.seen: list[Request] = []

    def __call__(self, request: Request) -> Response:
        answer = self._answers[min(len(self.seen), len(self._answers) - 1)]
        self.seen.append(request)
        if isinstance(answer, FetchError):
            raise answer
        return Response(answer) if isinstance(answer, int) else answer
