"""junit.xml: the run as a test suite, an SLO a test case, and the generator's certificate one more.

What a CI server shows as green was judged and holds. An SLO that failed is a *failure*; one that the run could not
decide is an *error* (the check could not be made), as is an invalid generator: neither is green, and both
can be told from a regression. An SLO that was not judged is *skipped*, which only an invalid run leaves.

Written for the format that Jenkins publishes as junit-10.xsd, which GitLab, GitHub's actions and Azure read too.
"""

from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET

from loadgen.metrics.summary import SloResult, Summary
from loadgen.outputs.console import NOT_MEASURED, in_unit, interval
from loadgen.outputs.material import Material

NAME: Final = "junit.xml"
_CERTIFICATE: Final = "generator certificate"
_RUN_PROPERTIES = ("id", "scenario", "seed", "target", "model", "dialect", "transport", "workers", "version")


def junit_report(material: Material) -> str:
    """The text of junit.xml."""
    suite = suite_of(material.summary)
    return document([suite], material.summary.run.duration_s)


def suite_of(summary: Summary) -> ET.Element:
    """A run as a test suite."""
    suite = ET.Element("testsuite", name=legal(f"loadgen.{summary.run.scenario}"))
    _add_properties(suite, summary)
    cases = [_slo_case(suite, summary, slo) for slo in summary.verdict.slos]
    cases.append(_certificate_case(suite, summary))
    if notes := [*summary.verdict.notes, *summary.run.notes]:
        ET.SubElement(suite, "system-out").text = legal("\n".join(notes))
    counted = {
        "tests": str(len(cases)),
        "failures": str(sum(case.find("failure") is not None for case in cases)),
        "errors": str(sum(case.find("error") is not None for case in cases)),
    }
    seconds = f"{summary.run.duration_s:.3f}"
    skipped = str(sum(case.find("skipped") is not None for case in cases))
    # Without its offset: the format has none, and readers take what has none for UTC.
    suite.attrib |= counted | {"skipped": skipped, "time": seconds, "timestamp": summary.run.started_at[:19]}
    return suite


def document(suites: Sequence[ET.Element], duration_s: float) -> str:
    """The text of a file of these suites."""
    counted = {name: str(sum(int(suite.attrib[name]) for suite in suites)) for name in ("tests", "failures", "errors")}
    root = ET.Element("testsuites", {"name": "loadgen", "time": f"{duration_s:.3f}", **counted})
    root.extend(suites)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _add_properties(suite: ET.Element, summary: Summary) -> None:
    properties = ET.SubElement(suite, "properties")
    values = {name: getattr(summary.run, name) for name in _RUN_PROPERTIES} | {"verdict": summary.verdict.outcome}
    for name, value in values.items():
        ET.SubElement(properties, "property", name=name, value=legal(str(value)))


def _case(suite: ET.Element, summary: Summary, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", name=legal(name), classname=legal(f"loadgen.{summary.run.scenario}"))


def _slo_case(suite: ET.Element, summary: Summary, slo: SloResult) -> ET.Element:
    case = _case(suite, summary, slo.expression)
    message, details = _message(slo), _details(slo)
    match slo.outcome:
        case "pass":
            ET.SubElement(case, "system-out").text = legal(details)
        case "fail":
            ET.SubElement(case, "failure", type="slo", message=legal(message)).text = legal(details)
        case "inconclusive":
            ET.SubElement(case, "error", type="inconclusive", message=legal(message)).text = legal(details)
        case "not_judged":
            _add_unjudged(case, summary, message)
    return case


def _add_unjudged(case: ET.Element, summary: Summary, message: str) -> None:
    """Skipped only where another case is red for it: nobody must take a suite for green that judged nothing."""
    if summary.generator.valid:
        ET.SubElement(case, "error", type="not_judged", message=legal(message))
    else:
        ET.SubElement(case, "skipped", message=legal(message))


def _certificate_case(suite: ET.Element, summary: Summary) -> ET.Element:
    case, generator = _case(suite, summary, _CERTIFICATE), summary.generator
    if not generator.valid:
        message = "invalid: the generator was the bottleneck, and these figures are not the target's alone"
        ET.SubElement(case, "error", type="invalid", message=message).text = legal("\n".join(generator.reasons))
    elif generator.notes:
        ET.SubElement(case, "system-out").text = legal("\n".join(generator.notes))
    return case


def _message(slo: SloResult) -> str:
    if slo.outcome == "not_judged":
        return f"not judged: {slo.reason or 'no reason is known'}"
    if slo.outcome == "inconclusive":
        return f"{slo.expression} can't be decided: {slo.reason or 'too few samples'}"
    return f"{slo.expression}: it is {in_unit(slo.estimate, slo.unit)}, interval {interval(slo)}"


def _details(slo: SloResult) -> str:
    lines = [
        f"estimate {in_unit(slo.estimate, slo.unit)}",
        f"limit {in_unit(slo.limit, slo.unit)}",
        f"interval {interval(slo)}",
        f"n {NOT_MEASURED if slo.n is None else slo.n}",
    ]
    return "\n".join([*lines, *filter(None, [slo.reason])])


def legal(text: str) -> str:
    """What XML can hold: it has no way to write most control characters, nor half a surrogate pair."""
    return "".join(character if _legal(ord(character)) else "\N{REPLACEMENT CHARACTER}" for character in text)


def _legal(point: int) -> bool:
    """Whether XML 1.0 has this character (its production 2, Char)."""
    return point in (0x9, 0xA, 0xD) or 0x20 <= point <= 0xD7FF or 0xE000 <= point <= 0xFFFD or point >= 0x10000
