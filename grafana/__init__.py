"""The Grafana dashboards as code: `python -m grafana.build` writes grafana/dashboards/*.json.

Not part of the installed package. What each dashboard is for is in docs/dashboards.md.
"""
