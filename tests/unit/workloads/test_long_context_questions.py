"""Which questions are asked of a corpus: only those whose answer nothing else in the prompt contradicts or blurs."""

from pathlib import Path
from random import Random

from loadgen.client.reply import Reply
from loadgen.scenario.long_context import LongContextSpec
from loadgen.workloads.long_context import LongContextWorkload
from loadgen.workloads.long_context.facts import Fact
from loadgen.workloads.sizing import TextSizer
from tests.support.messages import whole


def built(corpus: Path, kind: str, **keys: object) -> LongContextWorkload:
    spec = {"name": "docs", "corpus": str(corpus), "questions": [kind], "unanswerable": 0, "passage_chars": 2000}
    spec |= {"context_tokens": [2700], **keys}
    return LongContextWorkload(LongContextSpec.model_validate(spec), TextSizer(), seed=1)


def facts(workload: LongContextWorkload) -> list[Fact]:
    return [question.fact for questions in workload._questions.values() for question in questions]


def filler(number: int, lines: int = 12) -> str:
    return "".join(f"# line {line} of the filler {number}, which says nothing of any value\n" for line in range(lines))


_RAISING = """\
def plain{n}(x):
    if x:
        raise {name}Error(x)


def nested{n}(x):
    def inner{n}():
        raise {name}Failure(x)
    return inner{n}


def caught{n}(x):
    try:
        raise {name}Trouble(x)
    except Exception:
        return None


def asserted{n}(x):
    assert x
    raise {name}Problem(x)


"""


def test_only_what_leaves_a_function_is_what_it_raises(tmp_path: Path) -> None:
    for number, name in enumerate(["Empty", "Full", "Lookup", "Timeout", "Parse", "Range", "Pipe", "Lock"]):
        (tmp_path / f"m{number}.py").write_text(_RAISING.format(n=number, name=name) + filler(number, 40))
    asked = {fact.question.split("'")[1].rstrip("0123456789") for fact in facts(built(tmp_path, "raises"))}
    assert asked == {"plain", "inner"}


_SIGNED = '''\
def fetch{n}(url, patience={n}7):
    """Get it.
{filler}
    url is where, and patience (default {n}7) is how long
    """


'''


def test_a_docstring_behind_a_cut_does_not_contradict_the_signature(tmp_path: Path) -> None:
    for number in range(10, 40):
        text = _SIGNED.format(n=number, filler=filler(number)) + filler(number + 100)
        (tmp_path / f"m{number}.py").write_text(text)
    workload = built(tmp_path, "default", passage_chars=600, altered=1)
    for ordinal in range(20):
        session = workload.session(ordinal, Random(ordinal))
        turn = session.next_turn(None)
        assert turn is not None
        session.score(Reply(ok=True, text="x"))
        asked = session._asked[0].question.fact.question.split("fetch")[1][:2]
        prompt = whole(turn.messages[0])
        assert f"def fetch{asked}".encode() in prompt
        assert f"default {asked}7".encode() not in prompt


def test_a_word_is_counted_only_where_no_other_spelling_of_it_is_about(tmp_path: Path) -> None:
    words = {
        "gateway": [0, 1],
        "Gateway": [2],
        "lantern": [3, 4],
        "lanterns": [5],
        "marmalade": [6, 7],
        "newest": [8, 9],
    }
    for number in range(30):
        said = " ".join(word for word, places in words.items() if number in places)
        (tmp_path / f"m{number}.txt").write_text(f"{said}\n{filler(number)}")
    assert {fact.word for fact in facts(built(tmp_path, "count"))} == {"marmalade"}


def test_the_files_of_a_folder_that_are_not_read_are_told(tmp_path: Path) -> None:
    for number in range(10, 40):
        text = f"def fetch{number}(url, patience={number}7):\n    pass\n\n\n{filler(number)}"
        (tmp_path / f"m{number}.py").write_text(text)
    (tmp_path / "report.docx").write_bytes(b"PK")
    told = f"docs: of {tmp_path} 1 files are left out, not text by their names: .docx (1)"
    assert built(tmp_path, "default").notes == (told,)
