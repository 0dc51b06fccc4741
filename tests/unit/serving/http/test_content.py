import random

from serving.http.content import count_brackets, count_commas


def test_brackets_and_commas_of_small_and_large_bodies_are_counted():
    chosen = random.Random(0)
    for length in (0, 1, 4096, 4097, 2**17, 2**17 + 1, 300_000):
        body = chosen.randbytes(length)
        assert count_brackets(body) == body.count(b"{") + body.count(b"[")
        assert count_commas(body) == body.count(b",")
