"""What was measured: from raw stamps to a summary, by way of histograms that merge exactly.

    worker                                         master
    TurnMeasurement -> Recorder -> Snapshot  --->  Aggregate -> Summary (certificate included), LiveView

Knows nothing of HTTP or Locust. The definition of every figure is in docs/metrics.md.
"""
