"""A scheduler of recurring jobs on a clock that is moved by hand, with a report of how punctual they were."""

from jobs.calendar import Daily, Every
from jobs.clock import Clock
from jobs.model import Job, Run
from jobs.report import Report, report
from jobs.runner import Runner

__all__ = ["Clock", "Daily", "Every", "Job", "Report", "Run", "Runner", "report"]
