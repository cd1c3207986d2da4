"""Latencies of several rounds taken together: one 99th percentile of a few seconds says little. A round is the list of (milliseconds,
count) that bench_load prints with --counts."""
import math
from collections import Counter
from random import Random

RESAMPLES = 400


def p99(rounds):
    counts = Counter()
    for some in rounds:
        for value, count in some:
            counts[value] += count
    left = math.ceil(0.99 * counts.total())
    for value in sorted(counts):
        left -= counts[value]
        if left <= 0:
            return value
    return math.nan


def percent(new, old):
    return 100 * (new / old - 1)


def change(some, others):
    """By how many per cent the p99 of some rounds is above that of others, and the ends of the interval that holds 95 % of what resampled
    rounds give; rounds were taken in turn."""
    random = Random(1)
    found = []
    for _ in range(RESAMPLES):
        taken = [random.randrange(len(some)) for _ in some]
        found.append(percent(p99([some[i] for i in taken]), p99([others[i] for i in taken])))
    found.sort()
    return percent(p99(some), p99(others)), found[RESAMPLES // 40], found[-1 - RESAMPLES // 40]
