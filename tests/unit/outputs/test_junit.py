"""junit.xml: an SLO a test case; green is only what was judged and holds."""

from typing import Final
from xml.etree import ElementTree as ET

import msgspec
import pytest

from loadgen.metrics.summary import SloResult, Summary
from loadgen.outputs.junit import junit_report
from tests.unit.outputs.summaries import FAILED, NOTES, PASSED, UNDECIDED, UNJUDGED, invalid, material, summary_with

# The format as junit-10.xsd of Jenkins's xUnit plugin has it, as far as anything here is written: the elements that
# may stand in each, its required attributes, and those that it may have besides.
GRAMMAR: Final = {
    "testsuites": ({"testsuite"}, set(), {"name", "time", "tests", "failures", "errors"}),
    "testsuite": (
        {"properties", "testcase", "system-out"},
        {"name", "tests", "failures", "errors"},
        {"time", "skipped", "timestamp"},
    ),
    "properties": ({"property"}, set(), set()),
    "property": (set(), {"name", "value"}, set()),
    "testcase": ({"skipped", "error", "failure", "system-out"}, {"name"}, {"classname", "time"}),
    "failure": (set(), set(), {"type", "message"}),
    "error": (set(), set(), {"type", "message"}),
    "skipped": (set(), set(), {"type", "message"}),
    "system-out": (set(), set(), set()),
}
_MAY_HOLD_TEXT: Final = {"failure", "error", "skipped", "system-out"}


def parsed(summary: Summary) -> ET.Element:
    root = ET.fromstring(junit_report(material(summary)).encode())
    for element in root.iter():
        assert_fits_the_grammar(element)
    return root


def assert_fits_the_grammar(element: ET.Element) -> None:
    children, required, optional = GRAMMAR[element.tag]
    assert {child.tag for child in element} <= children, element.tag
    assert required <= element.attrib.keys() <= required | optional, element.tag
    assert element.tag in _MAY_HOLD_TEXT or not (element.text or "").strip()


def states(summary: Summary) -> dict[str, str]:
    """Each test case's name, and what stands in it beside its output: nothing is green."""
    cases = parsed(summary).iter("testcase")
    return {
        case.attrib["name"]: " ".join(f"{e.tag}/{e.get('type')}" for e in case if e.tag != "system-out")
        for case in cases
    }


def test_a_run_is_a_suite_with_a_case_for_each_slo_and_the_generator() -> None:
    assert states(summary_with("fail", PASSED, FAILED, UNDECIDED)) == {
        "ttft p99 < 2s": "",
        "error_rate < 1%": "failure/slo",
        "tpot p99 < 80ms": "error/inconclusive",
        "generator certificate": "",
    }


def test_an_invalid_run_is_an_error_whatever_its_slos() -> None:
    summary = invalid(summary_with("invalid", PASSED, UNJUDGED), "loop lag p99 is 31.0 ms", "worker w1 was busy")
    assert states(summary) == {
        "ttft p99 < 2s": "",
        "ttft p50 < 1s": "skipped/None",
        "generator certificate": "error/invalid",
    }
    assert parsed(summary).findtext(".//error") == "loop lag p99 is 31.0 ms\nworker w1 was busy"


def test_a_suite_is_not_green_that_judged_nothing_of_what_was_stated() -> None:
    assert states(summary_with("inconclusive", SloResult("ttft p50 < 1s")))["ttft p50 < 1s"] == "error/not_judged"


def test_the_counts_are_those_of_the_cases() -> None:
    root = parsed(summary_with("fail", PASSED, FAILED, FAILED, UNDECIDED))
    suite = root[0]
    counted = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counted == {"tests": "5", "failures": "2", "errors": "1", "skipped": "0"}
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("5", "2", "1")
    assert (suite.get("time"), suite.get("timestamp")) == ("100.000", "2026-11-23T12:00:00")


def test_a_failure_tells_the_figure_and_its_interval() -> None:
    failure = parsed(summary_with("fail", FAILED)).find(".//failure")
    assert failure is not None
    assert failure.get("message") == "error_rate < 1%: it is 3.10%, interval 2.20% to 4.20% (97.5%)"
    assert failure.text == "estimate 3.10%\nlimit 1.00%\ninterval 2.20% to 4.20% (97.5%)\nn 400"


def test_an_inconclusive_slo_tells_why_and_what_it_would_take() -> None:
    error = parsed(summary_with("inconclusive", UNDECIDED)).find(".//error")
    assert error is not None
    assert error.get("message") == "tpot p99 < 80ms can't be decided: needs about 310 more turns: 7 s at this rate"


def test_the_properties_say_which_run_it_was() -> None:
    root = parsed(summary_with("pass", PASSED))
    properties = {found.get("name"): found.get("value") for found in root.iter("property")}
    assert properties == {
        "id": "run-1",
        "scenario": "quick start",
        "seed": "1",
        "target": "http://127.0.0.1:8000/v1",
        "model": "m",
        "dialect": "openai",
        "transport": "http11",
        "workers": "1",
        "version": "0.1.0",
        "verdict": "pass",
    }


def test_notes_are_the_suites_output() -> None:
    assert parsed(summary_with("none", notes=NOTES)).findtext("./testsuite/system-out") == NOTES[0]


@pytest.mark.parametrize(
    "text", ["<a> & \"b\" 'c' ]]>", "bell \x07, escape \x1b[31m, null \x00", "half \ud800 a pair", "\ufffe"]
)
def test_what_xml_can_not_hold_is_replaced(text: str) -> None:
    summary = summary_with("fail", SloResult(text, outcome="fail", reason=text), notes=[text])
    run = msgspec.structs.replace(summary.run, scenario=text, target=text)
    [suite] = parsed(msgspec.structs.replace(summary, run=run))
    name = suite.attrib["name"].removeprefix("loadgen.")
    assert len(name) == len(text)
    assert all(got in (asked, "\ufffd") for got, asked in zip(name, text, strict=True))
