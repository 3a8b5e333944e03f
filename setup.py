"""What pyproject.toml can't say: the shipped scenarios go into the wheel as package data of loadgen.

They live once, under scenarios/, where a reader of the repository looks; `loadgen.scenario.shipped` finds them in both
places.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithScenarios(build_py):
    """Copies scenarios/*.yaml and scenarios/coding/ to loadgen/shipped_scenarios/ in the built package."""

    def run(self) -> None:
        """See build_py."""
        super().run()
        if self.editable_mode:
            return  # a checkout is read in place
        shipped = Path(self.build_lib) / "loadgen" / "shipped_scenarios"
        shipped.mkdir(parents=True, exist_ok=True)
        for scenario in sorted(Path("scenarios").glob("*.yaml")):
            shutil.copy(scenario, shipped)
        # What running their tests in the checkout left behind is no part of them.
        compiled = shutil.ignore_patterns("__pycache__", "*.py[cod]")
        shutil.copytree("scenarios/coding", shipped / "coding", ignore=compiled, dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithScenarios})
