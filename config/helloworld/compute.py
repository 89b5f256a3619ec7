"""The worker: a number on a line in, its smallest prime factor out."""

from line import serve


def factor(number: int) -> int:
    return next((n for n in range(2, int(number**0.5) + 1) if number % n == 0), number)


serve("compute", lambda line: str(factor(int(line))))
