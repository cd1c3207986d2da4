"""Mixed load for a long time: descriptors, threads and memory stay what they were. `make test-soak SOAK_MINUTES=60`; the short
form asks a fixed number of requests and looks at descriptors and threads only."""
import os
import time

from chaos import BODIES, EMBED, PATIENT, Server, Vectors, alive, is_sanitized, threads, wait_until

MINUTES = float(os.environ.get("AKIDB_SOAK_MINUTES", "0"))
MIB = 1 << 20
BAD = [({"texts": []}, 400), ({"texts": [""]}, 400), ({"text": "x"}, 400), ({"texts": ["x"], "pooling": "none"}, 400)]


def mixed_round(server, vectors):
    """About a hundred requests over new connections: good ones, bad ones, health and metrics, clients that leave."""
    vectors.ask_many(server, 60, 4)
    with server.client() as client:
        for body, status in BAD * 5:
            assert client.post(EMBED, json=body).status_code == status
        for path in ("/health/live", "/health/ready", "/metrics") * 3:
            assert client.get(path).status_code == 200
    for body in BODIES:
        with server.connect() as raw:
            raw.send(b"POST " + EMBED.encode() + b" HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n{")


def test_soak(report):
    with Server(*PATIENT, "--memory-limit", "4GB") as server, server.client() as client:
        vectors = Vectors(client)
        for _ in range(3):
            mixed_round(server, vectors)
        # What the clients left behind goes soon, not at once.
        files = min(server.open_files() for _ in range(50) if not time.sleep(0.02))
        before_threads, rss, end, rounds = threads(server), [server.rss_bytes()], time.monotonic() + 60 * MINUTES, 0
        while rounds < 5 or time.monotonic() < end:
            mixed_round(server, vectors)
            rss.append(server.rss_bytes())
            rounds += 1
        wait_until(lambda: server.open_files() <= files, f"descriptors are {files} again", server)
        assert threads(server) <= before_threads
        vectors.check(client)
        alive(server)
        hour = rss[len(rss) // 4:]  # after it has warmed up
        grown = hour[-1] - hour[0]
        report(f"soak: {rounds} rounds in {MINUTES:g} min, RSS {rss[0] / MIB:.1f} to {rss[-1] / MIB:.1f} MiB")
        assert MINUTES == 0 or is_sanitized() or grown < max(2 * MIB, MIB * MINUTES / 60), f"{grown / MIB:.2f} MiB more"
