"""`trueup demo` as people run it: a stack of its own, every story, all of it proven."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.erp import erp_cache

__all__ = ["erp_cache"]

# Long: `make demo` tells it, too.
pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.erp, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]


def test_the_demo_proves_what_it_claims(erp_cache: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    done = subprocess.run(
        [sys.executable, "-m", "cli", "--state", str(state), "demo", "-o", "json"],
        cwd=ROOT,
        env={**os.environ, "TRUEUP_CACHE": str(erp_cache)},
        check=False,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    stories = json.loads(done.stdout)
    assert len(stories) == 8
    claims = [claim for story in stories for claim in story["evidence"]["claims"]]
    assert len(claims) >= 60
    assert all(holds for _, holds, _ in claims)
    assert not (state / "stack.json").exists()
