"""One timed call of an engine, and how near its vectors are to others."""
import time

REST_S = 0.02  # between two engines: threads of the one before may still be spinning


def timed(engine, texts, variant):
    time.sleep(REST_S)
    begin = time.perf_counter()
    vectors = engine.embed(texts, variant)
    return time.perf_counter() - begin, vectors


def cosines(a, b):
    a, b = a.astype("float64"), b.astype("float64")
    return (a * b).sum(1) / ((a * a).sum(1) * (b * b).sum(1)) ** 0.5
