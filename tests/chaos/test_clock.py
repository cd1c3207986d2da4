"""The wall clock steps by an hour, forward and back, while the server works: only timestamps may notice."""
import datetime
import json

import pytest

from chaos import PATIENT, Server, Vectors, WallClock, alive, is_sanitized, wait_until

HOUR_S = 3600


def log_times(server):
    return [datetime.datetime.fromisoformat(json.loads(line)["timestamp"]) for line in server.log().splitlines()
            if line.startswith("{")]


@pytest.mark.skipif(is_sanitized(), reason="a sanitizer's runtime must be loaded before libfaketime")
def test_wall_clock_steps(tmp_path):
    clock = WallClock(tmp_path)
    # Timeouts of minutes: an hour's step that they followed would end every request with 504, or close its connection.
    with Server(*PATIENT, "--idle-timeout", "10m", "--header-timeout", "10m", "--log-level", "debug",
                environment=clock.environment) as server, server.client() as client:
        vectors = Vectors(client)
        begun = log_times(server)[0]

        def uptime():
            return client.get("/health/ready").json()["details"]["uptime_seconds"]

        before = uptime()
        for step in (HOUR_S, -HOUR_S, 0, 12 * HOUR_S, -12 * HOUR_S):
            clock.step(step)
            for _ in range(3):
                vectors.check(client)  # on the same connection
            assert client.get("/health/ready").status_code == 200
            assert before <= uptime() < before + HOUR_S / 2
            before = uptime()
            alive(server)
        server.send_signal(1)  # SIGHUP writes a line: its time shows that the server saw the last step
        wait_until(lambda: abs((log_times(server)[-1] - begun).total_seconds() + 12 * HOUR_S) < HOUR_S, "the step is seen", server)
