"""Man pages and completion scripts, read by the programs that they are for."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from cli_program import DEADLINE_S, ROOT, run

BUILD = pathlib.Path(os.environ.get("AKIDB_BUILD", ROOT / "build"))
COMMANDS = re.findall(r"^  (\w+) +\w", run("--help").stdout.decode().partition("Commands:")[2].partition("Try it")[0], re.M)
COMMANDS.remove("help")
PAGES = {"akidb-embed.1": []} | {f"akidb-embed-{command}.1": [command] for command in COMMANDS}
SHELLS = {"bash": "akidb-embed.bash", "zsh": "_akidb-embed", "fish": "akidb-embed.fish"}


def reader(name):
    path = shutil.which(name)
    assert path, f"{name} is missing: scripts/install-packages test"
    return path


def read(*command, **settings):
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, **settings)
    assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr
    return done.stdout


def completion(shell):
    return run("help", "--completion", shell).stdout.decode()


@pytest.mark.parametrize("name", PAGES)
def test_man_pages_are_without_faults(name):
    page = run("help", "--man", *PAGES[name]).stdout.decode()
    assert read(reader("mandoc"), "-T", "lint", "-W", "warning", input=page) == ""
    plain = re.sub(r".\x08", "", read(reader("mandoc"), "-T", "utf8", input=page))
    assert re.search(rf"{name[:-2]} . \w+", plain), plain[:300]
    if PAGES[name]:
        told = run("help", *PAGES[name]).stdout.decode()
        for example in re.findall(r"^  (akidb-embed .+|echo .+)$", told, re.M):
            assert example in plain


@pytest.mark.skipif(not (BUILD / "build.ninja").exists() or "sanitize=" in (BUILD / "build.ninja").read_text(),
                    reason="builds with sanitizers make no man pages")
def test_the_build_makes_what_the_program_prints():
    for name, command in PAGES.items():
        assert (BUILD / name).read_bytes() == run("help", "--man", *command).stdout
    for shell, name in SHELLS.items():
        assert (BUILD / name).read_text() == completion(shell)


@pytest.mark.parametrize("shell", SHELLS)
def test_shells_can_read_their_scripts(shell, tmp_path):
    script = tmp_path / SHELLS[shell]
    script.write_text(completion(shell))
    read(reader(shell), "-n", script)


@pytest.mark.parametrize("typed, offered", [
    (["s"], ["serve"]),
    ([""], [*COMMANDS, "help", "--help", "--version"]),
    (["help", "b"], ["bench"]),
    (["serve", "--cpu"], ["--cpu-tier", "--cpu-fallback"]),
    (["serve", "--no-cpu"], ["--no-cpu-fallback"]),
    (["embed", "--output-format", ""], ["auto", "jsonl", "npy", "fvecs"]),
    (["embed", "--output-format", "="], ["auto", "jsonl", "npy", "fvecs"]),  # bash takes the sign for a word
    (["embed", "--output-format", "=", "n"], ["npy"]),
    (["embed", "--port"], []),
    (["serve", "--host", ""], []),
    (["embed", "--input", ""], ["a file.txt", "folder"]),
    (["embed", "--cache-folder", ""], ["folder"]),
])
def test_bash_completes(tmp_path, typed, offered):
    """As readline calls it: the words that were typed, and the number of the one to complete."""
    (tmp_path / "a file.txt").touch()
    (tmp_path / "folder").mkdir()
    script = completion("bash") + """
compopt() { :; }  # outside readline it would complain
COMP_WORDS=(akidb-embed "$@") COMP_CWORD=$#
_akidb_embed
printf '%s\\n' "${COMPREPLY[@]}"
complete -p akidb-embed
"""
    lines = read("bash", "-c", script, "bash", *typed, cwd=tmp_path).splitlines()
    assert sorted(filter(None, lines[:-1])) == sorted(offered)
    assert lines[-1] == "complete -F _akidb_embed akidb-embed"


@pytest.mark.parametrize("typed, offered", [
    ("s", {"serve"}),
    ("help b", {"bench"}),
    ("serve --cpu", {"--cpu-tier", "--cpu-fallback"}),
    ("serve --no-cpu", {"--no-cpu-fallback"}),
    ("embed --output-format ", {"auto", "jsonl", "npy", "fvecs"}),
    ("embed --port", set()),
])
def test_fish_completes(tmp_path, typed, offered):
    script = tmp_path / "akidb-embed.fish"
    script.write_text(completion("fish"))
    text = read(reader("fish"), "--no-config", "-c", f"source {script}; complete -C 'akidb-embed {typed}'", env=os.environ | {"HOME": str(tmp_path)})
    assert {line.split("\t")[0] for line in text.splitlines()} == offered


@pytest.mark.parametrize("arguments, message", [
    (["--man", "serv"], "Did you mean 'serve'?"),
    (["--completion"], "--completion needs the name of a shell"),
    (["--completion", "csh"], "no completion for the shell 'csh'"),
])
def test_mistakes_say_what_to_do(arguments, message):
    error = run("help", *arguments, code=2).stderr
    assert message in error and "\nhint: " in error
