"""Every benchmark, one after another: `python -m benchmarks`, or `make bench`.

The exit code is 1 when any limit is missed. Each can be run alone; see docs/benchmarks.md.
"""

import subprocess
import sys

PROGRAMS = (
    "benchmarks.intake",
    "benchmarks.doors",
    "benchmarks.entitlements",
    "benchmarks.saga",
    "benchmarks.dbos_beside",
    "benchmarks.upgrade",
    "benchmarks.recovery",
    "benchmarks.documents",
    "benchmarks.reading",
    "benchmarks.governor",
    "benchmarks.adapters",
    "benchmarks.adopt",
    "benchmarks.queue",
    "benchmarks.reconcile",
    "benchmarks.cases",
    "benchmarks.console",
    "benchmarks.context",
    "benchmarks.preview",
)


def main() -> int:
    missed = False
    for program in PROGRAMS:
        sys.stdout.write(f"== {program}\n")
        sys.stdout.flush()
        missed = (
            subprocess.run([sys.executable, "-m", program], check=False).returncode != 0 or missed
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
