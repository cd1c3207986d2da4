"""Latencies of several rounds, compared: one 99th percentile of a few seconds says little, and one stall of the machine must not decide. A
round is the list of (milliseconds, count) that bench_load prints with --counts."""
import math
from random import Random
from statistics import median

RESAMPLES = 2000


def p99(counts):
    """Of one round."""
    left = math.ceil(0.99 * sum(count for _, count in counts))
    for value, count in sorted(counts):
        left -= count
        if left <= 0:
            return value
    return math.nan


def typical_p99(rounds):
    """The median of the rounds' own."""
    return median(p99(counts) for counts in rounds)


def percent(new, old):
    return 100 * (new / old - 1)


def change(some, others):
    """By how many per cent the typical p99 of some rounds is above that of others, and the ends of the interval that holds 95 % of what
    resampled rounds give; rounds were taken in turn."""
    random = Random(1)
    pairs = [(p99(one), p99(other)) for one, other in zip(some, others)]
    found = []
    for _ in range(RESAMPLES):
        taken = [random.choice(pairs) for _ in pairs]
        found.append(percent(median(one for one, _ in taken), median(other for _, other in taken)))
    found.sort()
    return percent(typical_p99(some), typical_p99(others)), found[RESAMPLES // 40], found[-1 - RESAMPLES // 40]
