"""Run every benchmark, one after the other.

    python tests/benchmarks/all.py              # prints every table
    python tests/benchmarks/all.py --write      # and puts them into docs/benchmarks.md
    python tests/benchmarks/all.py --quick      # on small files, to see that they run

It takes about an hour and 20 GB of disk in the temporary folder (``TMPDIR``), and wants a machine
that does nothing else. With ``--quick`` it is some minutes, and the tables are not written.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = (
    "opening", "large", "many", "growth", "scaling", "filters", "converting", "faults",
    "hostile", "handles",
)  # fmt: skip


def main() -> int:
    """Run the scripts, and return how many have failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--write", action="store_true", help="put the tables into the docs")
    how.add_argument("--quick", action="store_true", help="few repeats, small files")
    parser.add_argument("--only", nargs="+", choices=SCRIPTS, default=SCRIPTS)
    args = parser.parse_args()
    failed = []
    for script in args.only:
        options = ["--write"] if args.write else []
        if args.quick:
            options = ["--faults", "1"] if script == "faults" else ["--quick"]
        start = time.perf_counter()
        print(f"## {script}", flush=True)
        done = subprocess.run([sys.executable, HERE / f"{script}.py", *options], check=False)
        print(f"{script}: {time.perf_counter() - start:.0f} s\n", flush=True)
        failed += [script] * bool(done.returncode)
    print("failed:", ", ".join(failed) or "none")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
