"""The simulator's reasoning: from the file it was given, as its dials say, and nothing without the file."""

from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from loadgen.errors import UsageError
from loadgen.simulator.dials import GOOD
from loadgen.simulator.reasoning import Known, ReasoningDials, load_answers, parse_by_phrasing, reason

_QUESTION = "How many?"
_TASK = Known(sha256(_QUESTION.encode()).hexdigest(), "units/0", "plain", "line", "42", "41")


def said(dials: ReasoningDials, message: str = _QUESTION) -> str | None:
    found = reason(message, {_TASK.sha256: _TASK}, dials, Random(1), 1)
    return None if found is None else found.text


def test_it_says_what_the_file_says_in_the_form_that_is_wanted() -> None:
    text = said(ReasoningDials())
    assert text is not None
    assert text.endswith("\nANSWER: 42")


def test_what_the_file_does_not_know_is_none_of_its_business() -> None:
    assert said(ReasoningDials(), "What else?") is None
    assert reason(_QUESTION, {}, GOOD.reasoning, Random(1), 1) is None


def test_it_is_wrong_or_formless_where_it_is_told_to_be() -> None:
    wrong, formless = said(ReasoningDials(accuracy=0.0)), said(ReasoningDials(format_failures=1.0))
    assert wrong is not None
    assert wrong.endswith("ANSWER: 41")
    assert formless is not None
    assert "ANSWER" not in formless
    assert formless.endswith("42")


@pytest.mark.parametrize(
    "dials",
    [
        {"accuracy": 0.9, "difficulty": 0.2},
        {"accuracy": 0.1, "interaction": 0.1},
        {"accuracy": 0.3, "by_phrasing": {"german": -0.4}},
    ],
)
def test_chances_beyond_0_and_1_are_refused(dials: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="accepted: within 0 and 1"):
        ReasoningDials(**dials)  # type: ignore[arg-type]


@pytest.mark.parametrize("line", ['{"sha256": "x"}', "no JSON", '{"form": "song"}'])
def test_a_file_that_is_none_is_refused_by_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(line)
    with pytest.raises(UsageError, match="line 1"):
        load_answers([path])


@pytest.mark.parametrize("text", ["german", "german=x", "german=inf", "german=0.1=2"])
def test_numbers_by_phrasing_are_checked(text: str) -> None:
    with pytest.raises(UsageError, match="accepted"):
        parse_by_phrasing(text)


def test_numbers_by_phrasing() -> None:
    assert parse_by_phrasing("german=-0.2, json=0.1") == {"german": -0.2, "json": 0.1}
