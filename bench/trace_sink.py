"""A collector of traces that costs next to nothing and can misbehave: for benchmarks, in a process of its own.

    python3 bench/trace_sink.py healthy|hung|slow|refusing|garbage

Takes OTLP over HTTP on a free port of 127.0.0.1, which it prints, and ends when its stdin does. Healthy throws everything away and
says that it was taken; hung reads and never answers; slow answers after two seconds; refusing closes each connection at once; garbage answers what is no HTTP.
"""
import socket
import sys
import threading
import time

TAKEN = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"
SLOW_SECONDS = 2
GARBAGE = bytes(range(256)) * 4


def read_request(connection, received):
    """Reads one request away; what came after it, or None at the end of the connection."""
    while b"\r\n\r\n" not in received:
        data = connection.recv(1 << 16)
        if not data:
            return None
        received += data
    head, rest = received.split(b"\r\n\r\n", 1)
    left = 0
    for line in head.split(b"\r\n")[1:]:
        name, value = line.split(b":", 1)
        if name.strip().lower() == b"content-length":
            left = int(value) - len(rest)
        if name.strip().lower() == b"expect":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    while left > 0:
        data = connection.recv(min(left, 1 << 18))
        if not data:
            return None
        left -= len(data)
    return rest[left:] if left < 0 else b""


def serve(connection, mode):
    try:
        received = b""
        while mode != "refusing" and (received := read_request(connection, received)) is not None:
            if mode == "slow":
                time.sleep(SLOW_SECONDS)
            if mode in ("healthy", "slow"):
                connection.sendall(TAKEN)
            elif mode == "garbage":
                connection.sendall(GARBAGE)
                break
    except OSError:
        pass
    finally:
        connection.close()


def main():
    mode = sys.argv[1]
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        print(listener.getsockname()[1], flush=True)

        def accept():
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection, mode), daemon=True).start()
        threading.Thread(target=accept, daemon=True).start()
        sys.stdin.read()


if __name__ == "__main__":
    main()
