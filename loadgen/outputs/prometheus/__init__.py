"""Prometheus: what a run has measured so far, as text. Pure rendering; who serves it is the swarm's business.

    buckets     where the histograms' buckets end              text        names, labels, families, both text formats
    cells       counters and histograms by workload and stage  run_gauges  what holds of the run as a whole
    exposition  all of it, cached where nothing has changed: the scrape's text, and metrics.prom

docs/prometheus.md has every series. What is not known has no series, and is never 0.
"""
