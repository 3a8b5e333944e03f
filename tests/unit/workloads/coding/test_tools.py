"""A coding agent's tools: what they do to its checkout, and what they say where something is wrong."""

import time
from pathlib import Path
from typing import Any

import pytest

from loadgen.workloads.coding.checkout import Checkout, DeniedError
from loadgen.workloads.coding.edits import EditError, replace_once
from loadgen.workloads.coding.task import Task
from loadgen.workloads.coding.toolbox import READ_LINES, TOOLBOX
from tests.support.coders import small_task

_TEXT = "def add(a, b):\n    return a - b\n\n\ndef twice(a):\n    return add(a, a)\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(small_task(tmp_path))


def use(checkout: Checkout, name: str, **arguments: Any) -> str:
    run = TOOLBOX.tools[name].run
    assert run is not None
    return run(checkout, arguments)


def test_files_are_listed_with_their_length(checkout: Checkout) -> None:
    assert use(checkout, "list_files").splitlines()[0] == "calc/__init__.py (0 lines)"
    assert "calc/sums.py (6 lines)" in use(checkout, "list_files")


def test_a_file_is_read_as_it_is(checkout: Checkout) -> None:
    assert use(checkout, "read_file", path="calc/sums.py") == f"calc/sums.py, lines 1 to 6 of 6:\n{_TEXT}"
    assert use(checkout, "read_file", path="calc/sums.py", first_line=5, last_line=99).endswith(
        "lines 5 to 6 of 6:\ndef twice(a):\n    return add(a, a)\n"
    )
    assert use(checkout, "read_file", path="calc/__init__.py") == "calc/__init__.py, lines 0 to 0 of 0:\n"


def test_a_long_file_is_read_in_pieces(checkout: Checkout) -> None:
    use(checkout, "create_file", path="calc/long.py", content="x = 1\n" * 1000)
    header, _, rest = use(checkout, "read_file", path="calc/long.py", first_line=101).partition("\n")
    assert header == f"calc/long.py, lines 101 to {100 + READ_LINES} of 1000:"
    assert rest.count("\n") == READ_LINES


def test_a_file_that_is_not_there_is_named(checkout: Checkout) -> None:
    with pytest.raises(EditError, match=r"there is no file 'calc/none.py'; list_files shows"):
        use(checkout, "read_file", path="calc/none.py")
    with pytest.raises(EditError, match="has 6 lines, none from 7 on"):
        use(checkout, "read_file", path="calc/sums.py", first_line=7)


def test_a_text_is_searched_for(checkout: Checkout) -> None:
    assert use(checkout, "search", pattern="add(a").splitlines() == [
        "calc/sums.py:1: def add(a, b):",
        "calc/sums.py:6:     return add(a, a)",
    ]
    assert use(checkout, "search", pattern="add(a", path="calc/__init__.py") == "nothing found"


def test_many_hits_are_cut_off_and_that_is_said(checkout: Checkout) -> None:
    use(checkout, "create_file", path="calc/long.py", content="x = 1\n" * 1000)
    found = use(checkout, "search", pattern="x = 1").splitlines()
    assert len(found) == 51
    assert found[-1] == "(more lines are left out)"


def test_an_edit_replaces_the_one_place(checkout: Checkout) -> None:
    told = use(checkout, "edit_file", path="calc/sums.py", search="a - b", replace="a + b")
    assert told == "edited calc/sums.py, which has 6 lines now"
    assert checkout.changed == {"calc/sums.py": _TEXT.replace("a - b", "a + b")}


def test_one_agents_edits_are_not_anothers(tmp_path: Path) -> None:
    task = small_task(tmp_path)
    one, other = Checkout(task), Checkout(task)
    use(one, "edit_file", path="calc/sums.py", search="a - b", replace="a + b")
    assert other.files == task.files
    assert not other.changed


def test_what_does_not_match_is_shown_the_nearest_lines() -> None:
    with pytest.raises(EditError) as told:
        replace_once("calc/sums.py", _TEXT, "def add(a, c):\n    return a - c\n", "")
    assert "is not in calc/sums.py" in str(told.value)
    assert "\n1: def add(a, b):\n2:     return a - b\n" in str(told.value)


def test_white_space_alone_is_named_as_what_differs() -> None:
    with pytest.raises(EditError, match="Line 2 differs from its first line in white space only"):
        replace_once("calc/sums.py", _TEXT, "return a  -  b", "")


def test_what_is_like_nothing_is_shown_nothing() -> None:
    with pytest.raises(EditError, match="No line of it is like its first line"):
        replace_once("calc/sums.py", _TEXT, "zebra", "x")


def test_what_matches_several_places_is_told_where() -> None:
    with pytest.raises(EditError, match="more than once, at lines 1, 5; take in more lines"):
        replace_once("calc/sums.py", _TEXT, "def ", "")


@pytest.mark.parametrize(("search", "replacement"), [("", "x"), ("a - b", "a - b")])
def test_an_edit_that_does_nothing_is_none(search: str, replacement: str) -> None:
    with pytest.raises(EditError, match=r"empty|the same"):
        replace_once("calc/sums.py", _TEXT, search, replacement)


def test_a_failed_edit_of_a_long_file_does_not_hold_up_the_loop() -> None:
    text = "".join(f"    value_{number} = compute(value, number, {number})\n" for number in range(3000))
    took = []
    for _ in range(5):
        started = time.perf_counter()
        with pytest.raises(EditError):
            replace_once("long.py", text, "    value_x = compute(value, number, 17)\n" * 20, "")
        took.append(time.perf_counter() - started)
    assert min(took) < 0.1


@pytest.mark.parametrize("path", ["tests/test_sums.py", "setup.cfg"])
def test_files_that_must_stay_stay(checkout: Checkout, path: str) -> None:
    with pytest.raises(DeniedError, match=r"must stay as it is; you may change calc/\*\.py"):
        use(checkout, "create_file" if path == "setup.cfg" else "delete_file", path=path, content="")


@pytest.mark.parametrize("path", ["../calc/x.py", "/calc/x.py", "calc//x.py", "calc/../tests/x.py", ""])
def test_no_path_leads_out_of_the_repository(checkout: Checkout, path: str) -> None:
    with pytest.raises((EditError, DeniedError)):
        use(checkout, "create_file", path=path, content="")
    assert not checkout.changed


def test_files_are_made_and_removed(checkout: Checkout) -> None:
    assert use(checkout, "create_file", path="calc/new.py", content="x = 1\n") == "created calc/new.py with 1 lines"
    with pytest.raises(EditError, match="is there already"):
        use(checkout, "create_file", path="calc/new.py", content="")
    assert use(checkout, "delete_file", path="calc/sums.py") == "deleted calc/sums.py"
    assert (checkout.changed, checkout.removed) == ({"calc/new.py": "x = 1\n"}, ("calc/sums.py",))


def test_a_file_can_not_grow_without_bound(checkout: Checkout) -> None:
    with pytest.raises(EditError, match="accepted: up to 200000"):
        use(checkout, "create_file", path="calc/new.py", content="x" * 200_001)


def test_the_task_is_not_changed_by_any_of_it(tmp_path: Path) -> None:
    task: Task = small_task(tmp_path)
    use(Checkout(task), "delete_file", path="calc/sums.py")
    assert "calc/sums.py" in task.files


@pytest.mark.parametrize("path", ["calc/sums.py/more.py", "calc", "calc/" + "é" * 128, "calc/" + "d/" * 500 + "x.py"])
def test_a_file_that_no_file_system_could_hold_beside_the_others_is_not_made(tmp_path: Path, path: str) -> None:
    checkout = Checkout(small_task(tmp_path, editable=["calc", "calc/**"]))
    with pytest.raises(EditError, match=r"can.t be made beside the file|is no path of a file here"):
        use(checkout, "create_file", path=path, content="x = 1\n")
    assert path not in checkout.files
