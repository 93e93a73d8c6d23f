"""What all tests share: the Hypothesis profiles, and a switch that lets no test be skipped.

`ci` (the default) draws the same examples in every run; `dev` draws new ones and more of them:
`HYPOTHESIS_PROFILE=dev pytest tests/test_op_shapes.py`. A skipped test whose file has one of the
words of `TGC_NOTHING_SKIPPED` in its path fails: where everything is installed, it has to run.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    max_examples=50,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("dev", deadline=None, max_examples=300, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


NOTHING_SKIPPED = os.environ.get("TGC_NOTHING_SKIPPED", "").split()


def pytest_configure(config: pytest.Config) -> None:
    """Where Numba is missing, the warnings that say so once are no errors."""
    config.addinivalue_line("filterwarnings", "ignore:the NumPy kernels run instead")
    config.addinivalue_line("filterwarnings", "ignore:kernels run on one thread. Numba")


def _not_skipped(report: Any) -> Any:
    """The report, a skip turned into a failure where nothing may be skipped."""
    asked = any(word in report.nodeid.partition("::")[0] for word in NOTHING_SKIPPED)
    if asked and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, with TGC_NOTHING_SKIPPED set: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Any:
    return _not_skipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Any:
    return _not_skipped((yield))
