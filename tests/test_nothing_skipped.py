"""`TGC_NOTHING_SKIPPED`: where it names a file, a skipped test of that file fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SKIPS = """
import pytest
def test_skipped():
    pytest.skip("something is not installed")
@pytest.mark.xfail(reason="known")
def test_expected_to_fail():
    assert False
"""


@pytest.mark.parametrize(("words", "outcome"), [("", 0), ("test_other", 0), ("test_x test_y", 1)])
def test_skips_fail_where_they_are_named(words: str, outcome: int, tmp_path: Path) -> None:
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "test_x.py").write_text(SKIPS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_x.py"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "TGC_NOTHING_SKIPPED": words},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == outcome, done.stdout + done.stderr
    assert ("skipped, with TGC_NOTHING_SKIPPED set" in done.stdout) == bool(outcome)
