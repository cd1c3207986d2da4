#!/usr/bin/env python3
"""balance_simulation.py [--output FILE]: latencies of a hundred nodes behind several kinds of load balancing, into docs/KUBERNETES.md.

A simulation of events, deterministic by its seed. A node is the two-core server of docs/BENCHMARKS.md: two workers that take passes, queries
before bulk, bulk in passes of 128 tokens, and a refusal (429) where the wait would be longer than --max-queue-wait. A pass takes the
time that was measured for its length. Requests come at random (Poisson), and every policy gets the same ones. Left out: the network, the
second core that helps with a single text on an idle node, passes of several queries, and the fifth of the tokens that bulk gets in any
case; none of them depends on the policy."""
import argparse
import heapq
import math
import random
import sys
from collections import deque
from pathlib import Path

import recording

# docs/BENCHMARKS.md, "Beside other engines", 1 thread, akidb-embed bf16: tokens per text and tokens per second of one core.
MEASURED_RATES = ((16, 9811.0), (128, 9177.0), (256, 8644.0))
# docs/BENCHMARKS.md, "The server under load", 1 × 16 tokens, float: requests per CPU second of the server.
MEASURED_REQUESTS_PER_CPU_SECOND = 562.6
# Time of a request beside its passes: reading, tokenizing, writing.
REQUEST_SECONDS = 1 / MEASURED_REQUESTS_PER_CPU_SECOND - MEASURED_RATES[0][0] / MEASURED_RATES[0][1]

NODES = 100
WORKERS = 2
BALANCERS = 20
# Kept connections that clients hold through kube-proxy, ten per node in the mean.
CONNECTIONS = 1000
BULK_PASS_TOKENS = 128
QUERY_WAIT_SECONDS = 2.0
BULK_WAIT_SECONDS = 10.0
# One request in fifty is bulk, with 32 texts; a text has 39 tokens in the mean (the mixed texts of the benchmarks), 256 at most.
BULK_SHARE = 0.02
BULK_TEXTS = 32
MEAN_TOKENS = 39
SPREAD = 0.75
# Requests before this share of the run fill the empty nodes and are not counted.
WARM_UP = 0.2

LOADS = (0.50, 0.70, 0.85)
SLOW_LOAD = 0.70
SLOW_NODES = 10
SLOW_SPEED = 0.5


def tokens_per_second(tokens):
    """Of one core, for texts of that length: between the measured lengths in a straight line."""
    for (low, low_rate), (high, high_rate) in zip(MEASURED_RATES, MEASURED_RATES[1:]):
        if tokens <= high:
            return low_rate + (high_rate - low_rate) * (max(tokens, low) - low) / (high - low)
    return MEASURED_RATES[-1][1]


def pass_seconds(tokens):
    return tokens / tokens_per_second(tokens)


# By the number of tokens, which is 256 at most.
PASS_SECONDS = [0.0] + [pass_seconds(tokens) for tokens in range(1, MEASURED_RATES[-1][0] + 1)]


def text_tokens(rng):
    return min(256, max(3, round(rng.lognormvariate(math.log(MEAN_TOKENS) - SPREAD**2 / 2, SPREAD))))


def make_sizes(count, seed):
    """A list of passes for each request, as tokens; more than one only in bulk requests."""
    rng = random.Random(seed)
    sizes = []
    for _ in range(count):
        if rng.random() >= BULK_SHARE:
            sizes.append((text_tokens(rng),))
            continue
        total = sum(text_tokens(rng) for _ in range(BULK_TEXTS))
        full, rest = divmod(total, BULK_PASS_TOKENS)
        sizes.append((BULK_PASS_TOKENS,) * full + ((rest,) if rest else ()))
    return sizes


def request_seconds(passes):
    """Of one core, alone."""
    return REQUEST_SECONDS + sum(PASS_SECONDS[tokens] for tokens in passes)


def make_arrivals(work, load, seed):
    """Times at which the requests come so that they are that share of all workers' time."""
    rng = random.Random(seed)
    rate = load * NODES * WORKERS * len(work) / sum(work)
    now, arrivals = 0.0, []
    for _ in work:
        now += rng.expovariate(rate)
        arrivals.append(now)
    return arrivals


class Node:
    __slots__ = ("speed", "idle", "queries", "bulk", "waiting_seconds")

    def __init__(self, speed):
        self.speed = speed
        self.idle = WORKERS
        self.queries = deque()
        self.bulk = deque()
        self.waiting_seconds = 0.0


class Policy:
    """Chooses a node for each request. `seen` is what the balancer that asks has in flight on each node."""

    def __init__(self, seed):
        self.rng = random.Random(seed)

    def choose(self, seen):
        raise NotImplementedError


class RoundRobin(Policy):
    next_node = -1

    def choose(self, seen):
        self.next_node = (self.next_node + 1) % NODES
        return self.next_node


class Random(Policy):
    def choose(self, seen):
        return int(self.rng.random() * NODES)


class LeastRequests(Policy):
    def choose(self, seen):
        start = int(self.rng.random() * NODES)
        turned = seen[start:] + seen[:start]
        return (start + turned.index(min(turned))) % NODES


class TwoChoices(Policy):
    def choose(self, seen):
        one = int(self.rng.random() * NODES)
        other = int(self.rng.random() * (NODES - 1))
        other += other >= one
        return one if seen[one] <= seen[other] else other


class PerConnection(Policy):
    """kube-proxy: a node at random for each connection, which then has an equal share of the requests."""

    def __init__(self, seed):
        super().__init__(seed)
        self.node_of = [int(self.rng.random() * NODES) for _ in range(CONNECTIONS)]

    def choose(self, seen):
        return self.node_of[int(self.rng.random() * CONNECTIONS)]


POLICIES = (
    ("one node per connection (kube-proxy)", PerConnection, 1),
    ("random", Random, 1),
    ("round robin", RoundRobin, 1),
    (f"two choices, {BALANCERS} balancers", TwoChoices, BALANCERS),
    ("two choices, one balancer", TwoChoices, 1),
    (f"least requests, {BALANCERS} balancers", LeastRequests, BALANCERS),
    ("least requests, one balancer", LeastRequests, 1),
)


def start_pass(node, number, now, events):
    """Gives a free worker the next pass, queries before bulk. An entry is [request, passes not begun, passes not ended]."""
    if node.queries:
        entry = node.queries.popleft()
        tokens = entry[1].pop()
    elif node.bulk:
        entry = node.bulk[0]
        tokens = entry[1].pop()
        if not entry[1]:
            node.bulk.popleft()
    else:
        return False
    seconds = PASS_SECONDS[tokens]
    if entry[3]:
        seconds += REQUEST_SECONDS
        entry[3] = False
    node.waiting_seconds -= seconds
    heapq.heappush(events, (now + seconds / node.speed, number, entry))
    return True


def simulate(policy, balancers, arrivals, sizes, work, speeds, seed):
    """Latencies of the requests in seconds, in their order; None where one was refused."""
    nodes = [Node(speed) for speed in speeds]
    seen = [[0] * NODES for _ in range(balancers)]
    asks = random.Random(seed)
    latencies = [None] * len(arrivals)
    events = []

    def finish(now, number, entry):
        entry[2] -= 1
        if entry[2] == 0:
            latencies[entry[0]] = now - arrivals[entry[0]]
            seen[entry[4]][number] -= 1
        node = nodes[number]
        if not start_pass(node, number, now, events):
            node.idle += 1

    for request, now in enumerate(arrivals):
        while events and events[0][0] <= now:
            finish(*heapq.heappop(events))
        balancer = int(asks.random() * balancers) if balancers > 1 else 0
        number = policy.choose(seen[balancer])
        node = nodes[number]
        passes = sizes[request]
        bulk = len(passes) > 1
        if node.waiting_seconds > (BULK_WAIT_SECONDS if bulk else QUERY_WAIT_SECONDS) * WORKERS * node.speed:
            continue
        seen[balancer][number] += 1
        node.waiting_seconds += work[request]
        (node.bulk if bulk else node.queries).append([request, list(passes), len(passes), True, balancer])
        while node.idle and start_pass(node, number, now, events):
            node.idle -= 1
    while events:
        finish(*heapq.heappop(events))
    return latencies


def percentile(ordered, share):
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def summarize(latencies, sizes):
    first = int(len(latencies) * WARM_UP)
    counted = list(zip(latencies[first:], sizes[first:]))
    queries = sorted(latency for latency, passes in counted if latency is not None and len(passes) == 1)
    bulk = sorted(latency for latency, passes in counted if latency is not None and len(passes) > 1)
    refused = sum(latency is None for latency, _ in counted) / len(counted)
    return {"p50": percentile(queries, 0.5), "p99": percentile(queries, 0.99), "bulk p99": percentile(bulk, 0.99), "refused": refused}


def run_policies(sizes, work, load, speeds, seed):
    arrivals = make_arrivals(work, load, seed + 1)
    return [(name, summarize(simulate(policy(seed + 2), balancers, arrivals, sizes, work, speeds, seed + 3), sizes))
            for name, policy, balancers in POLICIES]


def format_row(load, name, found):
    return (f"| {100 * load:.0f} % | {name} | {1e3 * found['p50']:,.1f} ms | {1e3 * found['p99']:,.1f} ms | {1e3 * found['bulk p99']:,.0f} ms | "
            f"{100 * found['refused']:.1f} % |")


def make_report(requests, seed):
    sizes = make_sizes(requests, seed)
    work = [request_seconds(passes) for passes in sizes]
    head = ["| load | how a node is chosen | query, p50 | query, p99 | bulk, p99 | refused |", "|--:|---|--:|--:|--:|--:|"]
    alike, unlike = [1.0] * NODES, [SLOW_SPEED] * SLOW_NODES + [1.0] * (NODES - SLOW_NODES)
    rate = NODES * WORKERS * len(work) / sum(work)
    lines = [f"{NODES} nodes with {WORKERS} cores each, {requests:,} requests, seed {seed}. All nodes together do {rate:,.0f} requests/s at 100 % load.",
             "", *head]
    for load in LOADS:
        lines += [format_row(load, name, found) for name, found in run_policies(sizes, work, load, alike, seed)]
    lines += ["", f"{SLOW_NODES} of the {NODES} nodes at half their speed, the requests being those of {100 * SLOW_LOAD:.0f} % above:", "", *head]
    lines += [format_row(SLOW_LOAD, name, found) for name, found in run_policies(sizes, work, SLOW_LOAD, unlike, seed)]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, help="Markdown file whose section is replaced; without it the tables are printed")
    arguments = parser.parse_args()
    text = make_report(arguments.requests, arguments.seed)
    if arguments.output:
        recording.write_section(arguments.output, "balance", text)
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
