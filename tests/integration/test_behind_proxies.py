"""A proxy and the server behind it count the same requests, whatever a client has sent. `make fuzz-proxies` sends many more."""
import pytest

from proxy_differential import PROXIES, Comparison, compare, open_front, start_server

INPUTS = 1500


@pytest.mark.parametrize("name", PROXIES)
def test_no_request_is_counted_differently(tmp_path, name):
    with start_server() as server, open_front(name, tmp_path, server) as front:
        counts = Comparison(front, server).check(range(INPUTS))
    assert counts.forwarded > INPUTS / 3, counts
    assert counts.refused > 0 or name == "envoy", counts  # Envoy refuses by itself all that the server refuses here


@pytest.mark.parametrize("seen, wrong", [
    ([("proxy-a", 200), ("proxy-b", 200)], None),
    ([("proxy-a", 200), ("own", 400)], None),  # it was refused before its headers were read
    ([("proxy-a", 200), ("proxy-b", 200), ("own", 200)], "served"),  # smuggled
    ([("proxy-a", 200), ("proxy-b", 200), ("own", 400)], "refused"),
    ([("proxy-a", 200)], "missing"),  # taken for a part of the other
    ([("proxy-a", 200), ("proxy-a", 200)], "two requests"),
])
def test_a_difference_is_seen(seen, wrong):
    _, found = compare({"proxy-a": "--", "proxy-b": "--"}, seen)
    assert found is None if wrong is None else wrong in found


def test_what_a_proxy_gave_up_may_be_missing():
    for how in ("CD", "200.499", "DPE.400"):
        counts, wrong = compare({"proxy-a": "--", "proxy-b": how}, [("proxy-a", 200)])
        assert wrong is None and counts.given_up == 1
