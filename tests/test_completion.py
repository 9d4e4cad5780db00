"""The Tab key in a shell: commands, options, and the values of an option."""

import os
import shutil
import subprocess
import sys

import pytest

BASH = shutil.which("bash")


@pytest.fixture
def folder(tmp_path):
    """Give a folder in which there is the command, as an installer makes it."""
    command = tmp_path / "ptyxr"
    command.write_text(
        f"#!{sys.executable}\nfrom ptyxr.cli import main\nmain()\n", encoding="utf-8"
    )
    command.chmod(0o755)
    return tmp_path


def ask(how, **variables):
    """Return what the command answers to the script of a shell."""
    return subprocess.run(
        [sys.executable, "-c", "from ptyxr.cli import main; main()"],
        capture_output=True, text=True, check=True,
        env={**os.environ, "_PTYXR_COMPLETE": how, **variables},
    ).stdout  # fmt: skip


@pytest.mark.parametrize("shell", ["zsh", "fish", "powershell"])
def test_shells_are_told_the_commands(shell):
    action = {"fish": {"_TYPER_COMPLETE_FISH_ACTION": "get-args"}}.get(shell, {})
    line = {"_TYPER_COMPLETE_ARGS": "ptyxr v", "_TYPER_COMPLETE_WORD_TO_COMPLETE": "v"}
    told = ask(f"complete_{shell}", **line, **action)
    assert "validate" in told
    assert "versions" in told
    assert "convert" not in told


@pytest.mark.skipif(os.name != "posix" or BASH is None, reason="needs bash")
@pytest.mark.slow
def test_bash_completes(folder):
    """By the script that --show-completion prints, in the shell itself."""
    code = """
        source <(_PTYXR_COMPLETE=source_bash ptyxr)
        complete -p ptyxr >/dev/null
        for line in "ptyxr con" "ptyxr convert --object-p" "ptyxr convert --origin c"; do
            COMP_WORDS=($line)
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            _ptyxr_completion ptyxr
            echo "${COMPREPLY[@]}"
        done
    """
    done = subprocess.run(
        [BASH, "-c", code],
        capture_output=True, text=True, check=True,
        env={**os.environ, "PATH": os.pathsep.join([str(folder), os.environ["PATH"]])},
    )  # fmt: skip
    assert done.stdout.splitlines() == ["convert", "--object-pixel-size", "corner center"]
