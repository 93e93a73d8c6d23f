"""What all tests share: the Hypothesis profiles.

`ci` (the default) draws the same examples in every run; `dev` draws new ones and more of them:
`HYPOTHESIS_PROFILE=dev pytest tests/test_op_shapes.py`.
"""

from __future__ import annotations

import os

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
