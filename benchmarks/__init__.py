"""The numbers loadgen promises, measured: `python -m benchmarks.run` (docs/benchmarks.md says how and why)."""
