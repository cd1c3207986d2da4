"""How many of the raw requests of tests/integration/test_request_table.py a program answers as the standard asks. Needs the packages of the
tests (build/test-env)."""
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "integration"))
from test_request_table import NEXT, TABLE, raw  # noqa: E402

# No header of HTTP's own: a library cannot know what it means.
OF_THE_SERVICE = "x-request-timeout-ms"
AT_ONCE, SILENCE_S = 16, 2


def read_replies(connection):
    """Statuses of all replies, until the end, a silence or a reply without a length; for the last, what it says is kept."""
    data, statuses = b"", []
    while True:
        head, found, rest = data.partition(b"\r\n\r\n")
        if found:
            lines = head.decode("latin-1").lower().split("\r\n")
            length = next((int(line.split(":")[1]) for line in lines if line.startswith("content-length:")), 0)
            if len(rest) >= length:
                statuses.append(int(lines[0].split(" ")[1]))
                data = rest[length:]
                continue
        try:
            more = connection.recv(65536)
        except OSError:
            return statuses
        if not more:
            return statuses
        data += more
        if len(statuses) >= 2:
            return statuses


def ask(port, text):
    """Statuses of the replies to the request and to the one behind it, which asks for what is not there."""
    with socket.create_connection(("127.0.0.1", port), timeout=SILENCE_S) as connection:
        try:
            connection.sendall(raw(text) + NEXT)
        except OSError:
            pass  # refused before all was sent; the reply may be there
        return read_replies(connection)


def judge(expected, statuses):
    """"right", "taken" (answered though it must be refused), "refused" (though it is good), or "other": with another status, without a
    reply, or with another number of them."""
    first = statuses[0] if statuses else 0
    if expected < 400:
        return "right" if statuses == [expected, 404] else "other" if 200 <= first < 400 else "refused"
    if 200 <= first < 400:
        return "taken"
    return "right" if first == expected and statuses[1:] in ([], [404]) else "other"


def count(port):
    """How many requests there are of each kind of judge()."""
    rows = [(text, status) for text, status in TABLE if OF_THE_SERVICE not in text]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        verdicts = [judge(status, statuses) for (_, status), statuses in zip(rows, pool.map(lambda row: ask(port, row[0]), rows))]
    return {"all": len(rows)} | {kind: verdicts.count(kind) for kind in ("right", "taken", "refused", "other")}
