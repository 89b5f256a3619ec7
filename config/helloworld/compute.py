"""The worker: reads a number on a line, and answers with its smallest prime factor."""

from line import serve


def factor(number: int) -> int:
    return next((n for n in range(2, int(number**0.5) + 1) if number % n == 0), number)


serve("compute", lambda line: str(factor(int(line))))
