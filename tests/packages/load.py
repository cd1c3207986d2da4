"""Asks the service for embeddings, one request per connection, from several threads until stdin ends; prints how many were served and
each that failed as JSON. A request that is answered by 503 `loading` is sent again after the time that Retry-After names, as the API asks
of its clients. Runs with the container's network and this machine's files: python3 load.py URL."""
import json
import sys
import threading
import time
import urllib.error
import urllib.request

CLIENTS = 4
BODY = json.dumps({"texts": ["a text", "and another"], "encoding_format": "base64"}).encode()


def ask(url):
    """Not through proxies of the environment. Every request has a connection of its own (urllib sends Connection: close)."""
    request = urllib.request.Request(url + "/api/v1/embed", BODY, {"content-type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=120) as reply:
        assert len(json.load(reply)["embeddings"]) == 2


def ask_until_loaded(url):
    while True:
        try:
            return ask(url)
        except urllib.error.HTTPError as reply:
            told = reply.read().decode()
            if reply.code != 503 or json.loads(told)["error"]["code"] != "loading":
                raise AssertionError(f"{reply.code} {told}") from reply
            time.sleep(float(reply.headers["Retry-After"]))


def main():
    served, failures, ending = [0] * CLIENTS, [], threading.Event()

    def client(number):
        while not ending.is_set():
            try:
                ask_until_loaded(sys.argv[1])
                served[number] += 1
            except Exception as error:
                failures.append(repr(error))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for _ in sys.stdin:  # each line asks for the count
        print(json.dumps({"served": sum(served), "failures": failures}), flush=True)
    ending.set()
    for thread in threads:
        thread.join()
    print(json.dumps({"served": sum(served), "failures": failures}), flush=True)


if __name__ == "__main__":
    main()
