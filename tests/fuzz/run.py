"""Run damaged files through ptyxr for as long as asked, and say what came of it.

    python tests/fuzz/run.py --minutes 30 --workers 2 --start 0

Any bytes are to give a Dataset or a PtyxrError: no other exception, no warning but ptyxr's own, no
crash, no more than ten seconds of a processor and 200 MB beyond the size of the file, and nothing
left open. Each input has a number, which names it: run it alone with ``--start NUMBER --inputs 1``.
Inputs that fail are kept in the folder of the worker that had them; ``--files`` examines files.
The exit code is 1 where anything failed.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Parse the command line and run."""
    summary, _, rest = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=summary, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, help="how long to run (no limit)")
    parser.add_argument("--inputs", type=int, default=sys.maxsize, help="how many at most")
    parser.add_argument("--workers", type=int, default=1, help="how many processes (1)")
    parser.add_argument("--start", type=int, default=0, help="number of the first input (0)")
    parser.add_argument("--family", help="the engine whose files are mutated (all)")
    parser.add_argument("--files", nargs="+", metavar="FILE", help="examine these, unchanged")
    parser.add_argument("--output", type=Path, default=Path("fuzz-failures"),
                        help="folder for what fails (fuzz-failures)")  # fmt: skip
    arguments = parser.parse_args()
    # The tests find their neighbours through pytest's settings, a script has to say where.
    sys.path.insert(0, str(HERE))
    from supervising import Run

    run = Run(
        arguments.output,
        start=arguments.start,
        inputs=arguments.inputs,
        seconds=(arguments.minutes or float("inf")) * 60,
        workers=arguments.workers,
        family=arguments.family,
        files=arguments.files or (),
    )
    # Whoever ends it, by Ctrl-C or by kill, is told what was found so far.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    tally = run.go()
    sys.stdout.write(tally.table() + "\n")
    return int(bool(tally.failures))


if __name__ == "__main__":
    sys.exit(main())
