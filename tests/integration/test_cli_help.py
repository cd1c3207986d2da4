"""What the program says about itself, and about mistakes on its command line."""
import re
import subprocess

import pytest

from cli_program import PROGRAM, ROOT, VERSION, run

COMMANDS = ["serve", "embed", "rerank", "tokenize", "pull", "models", "doctor", "bench"]


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_version(flag):
    assert run(flag).stdout.decode().split()[-1] == VERSION
    assert run("serve", flag).stdout == run(flag).stdout


def test_no_arguments_is_short_help_and_wrong_usage():
    done = run(code=2)
    assert done.stdout == b"" and "Usage: akidb-embed <command>" in done.stderr


@pytest.mark.parametrize("hostile", ["\x1b[2J", "\x9b2J", "\u202egpj", "\u2028", "\x07"], ids=ascii)
def test_messages_do_not_drive_the_terminal(hostile):
    """Characters that control the terminal, in a quoted argument or file name, are printed as escapes."""
    for arguments in (["embed", f"--no{hostile}"], ["frob" + hostile], ["tokenize", "--model", f"/nowhere/{hostile}"]):
        stderr = run(*arguments, code=None).stderr
        assert hostile not in stderr and f"{ord(hostile[0]):02x}" in stderr


def test_overview_has_every_command():
    text = run("--help").stdout.decode()
    for command in COMMANDS:
        assert re.search(rf"^  {command} +\w", text, re.M), command
    assert "Exit codes: 0 done, 1 failed, 2 wrong usage" in text
    assert run("help").stdout == run("-h").stdout == text.encode()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(command):
    text = run("help", command).stdout.decode()
    assert run(command, "--help").stdout.decode() == text
    assert run(command, "--nonsense", "-h").stdout.decode() == text
    for part in (f"Usage: akidb-embed {command}", "Examples:", f"  akidb-embed {command}", "--config FILE", "AKIDB_",
                 "Exit codes"):
        assert part in text, part


def test_docs_are_what_the_program_prints():
    assert run("help", "--markdown").stdout.decode() == (ROOT / "docs" / "OPTIONS.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("typed, meant", [("serv", "serve"), ("emebd", "embed"), ("tokenise", "tokenize"), ("pul", "pull"),
                                          ("model", "models"), ("docter", "doctor")])
def test_unknown_command_is_answered_with_the_nearest(typed, meant):
    for arguments in ([typed], ["help", typed]):
        error = run(*arguments, code=2).stderr
        assert f"unknown command '{typed}'" in error and f"Did you mean '{meant}'?" in error


def test_unknown_command_far_from_all():
    error = run("zzz", code=2).stderr
    assert "unknown command 'zzz'" in error and "Did you mean" not in error and "akidb-embed help" in error


@pytest.mark.parametrize("arguments, message, hint", [
    (["serve", "--prot", "1"], "unknown option '--prot'", "Did you mean --port?"),
    (["embed", "--port", "1"], "embed does not take --port", "help embed"),
    (["serve", "--port"], "--port needs a value", "--port VALUE"),
    (["serve", "--port", "99999"], "--port=99999: must be a whole number from 0 to 65535", ""),
    (["serve", "--request-timeout", "10"], "--request-timeout=10: must be a duration such as", ""),
    (["serve", "--max-body-bytes", "8 apples"], "must be a number of bytes such as", ""),
    (["embed", "texts.txt"], "unexpected argument 'texts.txt'", "--input FILE"),
    (["pull"], "pull needs <id>", "akidb-embed pull sentence-transformers/"),
    (["serve", "-p", "1"], "unknown option '-p'", "two dashes"),
    (["serve", "--log-level", "loud="], "must be a level", ""),
])
def test_mistakes_say_what_to_do(arguments, message, hint):
    error = run(*arguments, code=2).stderr
    assert error.startswith("akidb-embed: error[invalid_argument]: ")
    assert message in error and "\nhint: " in error and hint in error


def test_bad_variable_names_the_variable():
    error = run("serve", code=2, variables={"AKIDB_PORT": "99999"}).stderr
    assert "AKIDB_PORT=99999: must be a whole number from 0 to 65535" in error


def test_mistyped_variable_is_warned_of():
    error = run("models", "--cache-folder", "/nonexistent", variables={"AKIDB_OFLINE": "1"}).stderr
    assert "warning: AKIDB_OFLINE is not a variable of this program; AKIDB_OFFLINE is" in error


def test_config_file_mistakes_name_file_and_line(tmp_path):
    path = tmp_path / "akidb.ini"
    for text, message in [("prot = 1\n", "line 1: unknown key 'prot'"), ("[serve]\nport = x\n", "line 2: port = x: must be"),
                          ("\n[server]\nport = 1\n", "line 2: unknown section [server]"), ("port\n", "line 1: neither")]:
        path.write_text(text)
        assert f"{path} {message}" in run("serve", "--config", path, code=2).stderr
    assert "cannot open the config file" in run("serve", "--config", tmp_path / "none", code=2).stderr


def test_precedence_is_shown_by_print_config(tmp_path):
    path = tmp_path / "akidb.ini"
    path.write_text("port = 1\nhost = file\nmax_texts = 3\n[serve]\nport = 2\n[embed]\nbatch_texts = 9\n")
    text = run("serve", "--print-config", "--config", path, "--max-texts", "5",
               variables={"AKIDB_HOST": "variable"}).stdout.decode()
    assert f"# from {path} line 5\nport = 2\n" in text
    assert "# from AKIDB_HOST\nhost = variable\n" in text
    assert "# from --max-texts\nmax_texts = 5\n" in text
    assert "\nlog_level = info\n" in text and "batch_texts" not in text
    again = tmp_path / "again.ini"
    again.write_text(text)
    reread = run("serve", "--print-config", "--config", again).stdout.decode()
    assert [line for line in reread.splitlines() if "=" in line] == [line for line in text.splitlines() if "=" in line]


def test_help_to_a_full_disk_fails():
    with open("/dev/full", "wb") as full:
        assert subprocess.run([PROGRAM, "--help"], stdout=full, check=False).returncode == 1
