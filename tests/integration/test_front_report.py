"""The table of `make bench-front`, on made-up measurements, and how it judges replies to raw requests."""
import json
import subprocess
import sys

import pytest

from embed_server import DEADLINE_S, ROOT

sys.path.insert(0, str(ROOT / "bench" / "front"))
import front_report  # noqa: E402
import load  # noqa: E402
import programs  # noqa: E402
import raw_requests  # noqa: E402

KIB = 1024


def result(rate=1000.0, p50=0.1, p99=0.5, ok=500, **others):
    return {"statuses": {"200": ok}, "broken": 0, "unanswered": 0, "unsent": 0, "ok_ms": {"p50": p50, "p99": p99, "count": ok}, "requests_per_second": rate,
            "cpu_interval_seconds": 2.0, "server_cpu_seconds": 0.1, "ok_counts": [[p50, ok * 98 // 100], [p99, ok - ok * 98 // 100]]} | others


def idle(kib, still_open=10000):
    return {"alone": result(p99=1.0), "before": [1000 * KIB, 900 * KIB], "some": {"connections": 1000, "memory": [(1000 + 1000 * kib) * KIB, (900 + 500 * kib) * KIB]},
            "many": {"connections": 10000, "memory": [(1000 + 10000 * kib) * KIB, (900 + 5000 * kib) * KIB]}, "beside": result(p99=2.0, broken=1), "open": still_open}


def slow():
    return {"alone": result(p99=1.0), "before": [0, 0], "held": {"connections": 10000, "memory": [50000 * KIB, 40000 * KIB]}, "beside": result(p99=3.0),
            "clients": {"closed_by_server": 20000, "failed": 0, "longest_seconds": 6.1}}


@pytest.fixture
def found():
    return {
        "speed": [["/health/live", False, 1], ["/health/live", True, 64]], "h2": [["cached vector", True, 1, 64]], "notes": ["A note."], "apart": True,
        "programs": {
            "this build": {
                "speed": {"/health/live 0 1": [result(1500), result(1000), result(2000)]}, "idle": {"0": [idle(0.25), idle(0.5), idle(0.375)], "1": [idle(10)]},
                "busy": {"0": [{"before": [0, 0], "peak": {"connections": 1000, "memory": [2000 * KIB, 1000 * KIB]}}]}, "slow": {"0": [slow()]},
                "h2": {"cached vector 1 1 64": [{"rate": 9000.0, "p50": 1.0, "p99": 2.0, "bad": 0}]},
                "raw": {"all": 470, "right": 470, "taken": 0, "refused": 0, "other": 0}},
            "old": {
                "speed": {"/health/live 0 1": [result(1000)], "/health/live 1 64": [result(rate=0, ok=0)]}, "idle": {"0": [idle(50, 9999)]},
                "raw": {"all": 470, "right": 400, "taken": 30, "refused": 10, "other": 30}}}}


def rows(found):
    lines = front_report.make_markdown(found, "A machine.", "run.py").splitlines()
    assert lines[0] == "A machine." and "`run.py`" in lines[2] and lines[2].endswith("A note.")
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[4:]]
    assert table[0] == ["", "this build", "old", "this build against old"] and all(len(row) == 4 for row in table)
    return {row[0]: row[1:] for row in table[2:]}


def test_medians_with_their_ends_and_the_change(found):
    table = rows(found)
    assert table["/health/live, 1 connection: requests/s"] == ["1,500 (1,000–2,000)", "1,000", "+50 %"]
    assert table["/health/live, 1 connection: p50 / p99, ms"] == ["0.100 / 0.500", "0.100 / 0.500", "+0 % / +0 %"]
    assert table["/health/live, 1 connection: the server's CPU time a request, µs"] == ["33.3 (25–50)", "50", "-33 %"]
    assert table["/health/live over TLS, 64 connections: requests/s"] == ["–", "0", ""]
    assert "/health/live over TLS, 64 connections: p50 / p99, ms" not in table, "of no reply"


def test_memory_is_the_growth_by_connections(found):
    table = rows(found)
    assert table["KiB a connection, 1,000 idle: RSS / anonymous PSS"] == ["0.375 (0.250–0.500) / 0.188 (0.125–0.250)", "50 / 25", "-99 % / -99 %"]
    assert table["KiB a connection, 10,000 idle over TLS: RSS / anonymous PSS"] == ["10 / 5", "–", ""]
    assert table["KiB a connection, 1,000 that ask all the time: RSS / anonymous PSS"] == ["2 / 1", "–", ""]
    assert table["KiB a connection, slow ones: RSS / anonymous PSS"] == ["5 / 4", "–", ""]


def test_queries_beside_idle_and_slow_connections(found):
    table = rows(found)
    assert table["10,000 idle connections: p99 of queries without / beside them, ms"] == ["1 / 2", "1 / 2", "+0 % / +0 %"]
    assert table["10,000 idle connections: queries not answered"][0] == "1"
    assert table["10,000 idle connections: still open at the end"][:2] == ["10,000", "9,999"]
    assert table["10,000 slow connections: p99 of queries without / beside them, ms"] == ["1 / 3", "–", ""]
    assert table["10,000 slow connections: closed by the server / could not connect"][0] == "20,000 / 0"
    assert table["10,000 slow connections: longest that one was open, s"][0] == "6.10"


def test_http2_and_raw_requests(found):
    table = rows(found)
    assert table["HTTP/2 over TLS, cached vector, 1 × 64 streams: requests/s"] == ["9,000", "–", ""]
    assert table["raw requests answered as the standard asks"] == ["470 of 470", "400 of 470", ""]
    assert table["raw requests answered though they must be refused"] == ["0 of 470", "30 of 470", ""]


def test_one_program_has_no_column_of_changes(found):
    del found["programs"]["old"]
    found["apart"] = False
    text = front_report.make_markdown(found, "A machine.", "run.py")
    assert "|  | this build |\n| --- | --- |\n" in text and "**Program and clients share one CPU**" in text


@pytest.mark.parametrize("expected, statuses, verdict", [
    (200, [200, 404], "right"), (200, [200], "other"), (200, [400], "refused"), (200, [], "refused"), (200, [200, 400], "other"), (204, [200, 404], "other"),
    (400, [400], "right"), (400, [400, 404], "right"), (400, [200, 404], "taken"), (400, [501], "other"), (400, [], "other"), (400, [400, 200], "other")])
def test_what_a_reply_to_a_raw_request_is_worth(expected, statuses, verdict):
    assert raw_requests.judge(expected, statuses) == verdict


def test_raw_requests_to_the_server(server):
    assert raw_requests.ask(server.address[1], "GET /health/live HTTP/1.1⏎Host: x⏎⏎") == [200, 404]
    assert raw_requests.ask(server.address[1], "GET /health/live HTTP/1.1⏎Hos: x⏎ t⏎⏎") == [400]


def test_h2load_is_read():
    output = "Application protocol: h2\n\nfinished in 778.25ms, 608.00 req/s, 49.91KB/s\n"
    log = "".join(f"1796024505906463\t{200 if i else 503}\t{1000 * i}\n" for i in range(101))
    assert load.read_h2load(output, log) == {"rate": 608.0, "p50": 50.0, "p99": 99.0, "bad": 1}
    assert load.read_h2load(output.replace("h2", "http/1.1"), log) is None
    assert load.read_h2load(output, "1796024505906463\t-1\t1000\n") is None, "no reply"


def test_options_that_an_older_build_lacks_are_left_out(tmp_path):
    old = tmp_path / "old"
    old.write_text("#!/bin/sh\necho '  --threads NUMBER  --cache-mb NUMBER  --max-connections NUMBER'\n")
    old.chmod(0o755)
    command = programs.Server(old, "old", tmp_path, ("c", "k"), "model", 12000).command(tls=True, header_timeout_s=3)
    assert "--cache-mb" in command and "--h2c" not in command and "--idle-timeout" not in command
    assert command[command.index("--max-connections") + 1] == 12000 and command[-4:] == ["--tls-certificate", "c", "--tls-key", "k"]


def test_help_teaches_and_mistakes_are_named():
    def run(*arguments):
        return subprocess.run([sys.executable, ROOT / "bench" / "front" / "run.py", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=DEADLINE_S, check=False)
    assert "--beside" in run("--help").stdout and "make bench-front" in run("--help").stdout
    assert "--model" in run().stderr and run("--model", "x", "--only", "nonsense").returncode == 2


def test_a_table_is_made_again_of_what_was_kept(found, tmp_path):
    (tmp_path / "found.json").write_text(json.dumps(found | {"machine": "A machine.", "command": "run.py"}))
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- front: begin, written by bench/front/run.py -->\n<!-- front: end -->\nafter\n")
    subprocess.run([sys.executable, ROOT / "bench" / "front" / "run.py", "--from-json", tmp_path / "found.json", "--output", page], stdout=subprocess.DEVNULL,
                   timeout=DEADLINE_S, check=True)
    assert "| 1,500 (1,000–2,000) |" in page.read_text() and page.read_text().endswith("<!-- front: end -->\nafter\n")
