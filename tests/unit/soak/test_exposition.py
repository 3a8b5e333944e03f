"""What Prometheus sees of a soak: probes counted, the latest measures, and nothing of what is unknown."""

from loadgen.history.model import Measure, Outcome, Probe, Soak
from loadgen.soak.exposition import SoakExposition

SOAK = Soak("s1", "week", "http://t/v1", "m", "openai", 0.0, 900.0, 9000.0, 1.0, 1, "0", windows=10)
INSIDE = 'run_id="s1",scenario="week",model="m"'


def probe(window: int, outcome: Outcome, **measures: Measure) -> Probe:
    return Probe("s1", window, window, "cache", "warm", 0.0, 0.0, 1.0, outcome, measures)


def lines(exposition: SoakExposition, next_due_s: float | None = None) -> list[str]:
    return exposition.text(next_due_s).decode().splitlines()


def test_every_count_is_there_from_the_start() -> None:
    shown = lines(SoakExposition(SOAK, ["warm"], None))
    for outcome in ("ok", "failed", "missed", "interrupted"):
        assert f'loadgen_soak_probes_total{{{INSIDE},probe="warm",outcome="{outcome}"}} 0' in shown
    assert any(line.startswith("loadgen_requests_total{") and line.endswith(" 0") for line in shown)
    assert not any(line.startswith("loadgen_soak_measure") for line in shown)


def test_the_latest_measure_is_shown_and_what_is_unknown_is_not() -> None:
    exposition = SoakExposition(SOAK, ["warm"], None)
    exposition.add(probe(0, "ok", hit=Measure(0.9, None, None, 1, "ratio"), cost=Measure(None, 1.0, 3.0, 1, "USD")))
    exposition.add(probe(2, "ok", hit=Measure(0.5, None, None, 1, "ratio")))
    # A re-check of an earlier window that ends later is not the latest.
    exposition.add(probe(1, "failed", hit=Measure(0.1, None, None, 1, "ratio")))
    shown = lines(exposition, 1234.5)
    told = f'{INSIDE},probe="warm",measure="hit",unit="ratio"'
    assert f"loadgen_soak_measure{{{told}}} 0.5" in shown
    cost = told.replace('"hit"', '"cost"').replace('"ratio"', '"USD"')
    assert f"loadgen_soak_measure_low{{{cost}}} 1.0" in shown
    assert f"loadgen_soak_measure_high{{{cost}}} 3.0" in shown
    assert f"loadgen_soak_measure{{{cost}}}" not in "\n".join(shown)
    assert f'loadgen_soak_probes_total{{{INSIDE},probe="warm",outcome="ok"}} 2' in shown
    assert f"loadgen_soak_next_due_timestamp_seconds{{{INSIDE}}} 1234.5" in shown


def test_a_measure_that_has_become_unknown_vanishes() -> None:
    exposition = SoakExposition(SOAK, ["warm"], None)
    exposition.add(probe(0, "ok", hit=Measure(0.9, None, None, 1, "ratio")))
    exposition.add(probe(1, "ok", hit=Measure(None, None, None, 0, "ratio")))
    assert not any(line.startswith("loadgen_soak_measure{") for line in lines(exposition))
