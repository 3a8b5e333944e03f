"""loadgen: load testing and latency benchmarking of LLM endpoints."""

__version__ = "0.1.0"
