"""What hostile files do to ptyxr, Ptychodus, numpy and h5py; writes its part of the docs.

    python tests/benchmarks/hostile.py            # prints the tables
    python tests/benchmarks/hostile.py --write    # and puts them into docs/benchmarks.md

The files are those of `tests/hostile`. Each is given to each reader in a forked process of its own,
with limits. That another file is opened is told by the kernel; code that is executed leaves a file.

ptyxr does all it does with a file: each engine, validation, the commands. Of Ptychodus, each reader
reads that takes the suffix; numpy is allowed to unpickle, and it and h5py read every member.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from measuring import machine, main

MEMORY = 200 * 2**20
PATIENCE = 20
RELEASE = "1.7.0"
#: What is counted of each reader. The first three are how it ends, and exclude each other.
COLUMNS = (
    "opens",
    "refuses, naming the file",
    "refuses otherwise",
    "executes code",
    "reads another file",
    "more than 200 MB",
    "killed by a signal",
    f"no end in {PATIENCE} s",
)
ENDS = COLUMNS[:3]


def hostile_files() -> Any:
    """Return the package of hostile files, which has the name of this script."""
    tests = os.fspath(Path(__file__).parents[1])
    if sys.path[0] != tests:
        sys.path.insert(0, tests)
    return __import__("hostile.child")


def ptychodus() -> dict[str, str]:
    """Return the environment in which the release is imported."""
    import releases

    package = releases._unpacked(releases.wheel(RELEASE), RELEASE)
    return {"PYTHONPATH": os.fspath(package)}


def verdict(answer: dict[str, Any], size: int, *, any_of: bool) -> dict[str, str]:
    """Say what became of a file, by the columns, with a word on each."""
    ended = [told for told in answer["actions"] if "error" in told]
    # ptyxr does much with a file, and opening is one of it. Of the readers of Ptychodus, which are
    # for several formats, one has to open it; of its members all have to be read.
    opening = [told for told in ended if told["action"] == "open"] or ended
    errors = [told for told in opening if told["error"]]
    opens = len(errors) < len(opening) if any_of else not errors
    found = {}
    if answer["signal"] == "SIGALRM":
        found[COLUMNS[-1]] = "no end"
    elif answer["signal"]:
        found["killed by a signal"] = answer["signal"]
    elif opens:
        found["opens"] = "opens"
    elif any(answer["name"] in told["text"] for told in errors):
        found["refuses, naming the file"] = "refuses"
    else:
        found["refuses otherwise"] = ", ".join(sorted({told["error"] for told in errors}))
    if answer["executed"] or any(told["executed"] for told in ended):
        found["executes code"] = "**executes code**"
    outside = {name for told in (answer, *ended) for name in told["outside"]}
    if outside:
        found["reads another file"] = f"**reads {', '.join(sorted(outside))}**"
    most = max((told["memory"] for told in ended), default=0)
    if any("MemoryError" in (told["error"] or "") for told in ended):
        found["more than 200 MB"] = "wants more memory than there is"
    elif most > MEMORY + size:
        found["more than 200 MB"] = f"{most / 1e6:.0f} MB"
    return found


def run(_: int) -> str:
    """Give every file to every reader, and return the tables as Markdown."""
    files = hostile_files()
    readers = {
        "ptyxr": ("by_ptyxr", {}),
        f"Ptychodus {RELEASE}": ("by_ptychodus", ptychodus()),
        "numpy with pickles, h5py": ("careless", {}),
    }
    verdicts: dict[str, dict[str, dict[str, str]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        place = files.Place(Path(folder) / "files")
        place.make()
        sizes = {
            name: (place.files / name).stat().st_size if (place.files / name).is_file() else 0
            for name in files.HOSTILE
        }
        for label, (reader, environment) in readers.items():
            answers = files.child.ask(reader, place.base, sizes, environment, PATIENCE)
            verdicts[label] = {
                name: verdict(answers[name], sizes[name], any_of=reader == "by_ptychodus")
                for name in sizes
            }
    return "\n".join(
        [machine("hostile"), "", *_counts(verdicts), "",
         ":::{dropdown} Each of the files", *_list(files, verdicts), ":::"]
    )  # fmt: skip


def _counts(verdicts: dict[str, dict[str, dict[str, str]]]) -> list[str]:
    lines = [f"| reader | files | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 2) + "|"]
    for label, by_file in verdicts.items():
        counts = Counter(column for found in by_file.values() for column in found)
        numbers = " | ".join(str(counts[column]) for column in COLUMNS)
        lines.append(f"| {label} | {len(by_file)} | {numbers} |")
    return lines


def _list(files: Any, verdicts: dict[str, dict[str, dict[str, str]]]) -> list[str]:
    lines = [f"| file | what it is made for | {' | '.join(verdicts)} |",
             "|---" * (len(verdicts) + 2) + "|"]  # fmt: skip
    for name, one in sorted(files.HOSTILE.items(), key=lambda item: (item[1].harm, item[0])):
        words = []
        for by_file in verdicts.values():
            found = by_file[name]
            harms = [word for column, word in found.items() if column not in ENDS]
            words.append(", ".join(harms or found.values()))
        lines.append(f"| `{name}` | {files.HARMS[one.harm]} | {' | '.join(words)} |")
    return lines


if __name__ == "__main__":
    main("hostile", __doc__, run, repeat=1)
