"""The tail of a stream: the last bytes that a process wrote, kept in memory shared with PID 1.

layout.py says how the memory is laid out.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mmap import mmap

from pidone.layout import COUNT, MARK, MARKS, PLACE, TAIL


def tail(tails: "mmap", place: int) -> "tuple[int, bytes]":
    """Return (how many bytes have come so far, the last of them) of the stream at `place`."""
    start = place * PLACE
    count = int.from_bytes(tails[start : start + COUNT], "little")
    data = tails[start + COUNT : start + COUNT + TAIL]
    if count <= TAIL:
        return count, data[:count]
    return count, data[count % TAIL :] + data[: count % TAIL]


def keep(tails: "mmap", place: int, count: int, data: bytes, now: int) -> None:
    """Put the last bytes of a stream into its tail, and mark when they came.

    count: bytes that have come so far, `data` included.
    now: nanoseconds.
    """
    start = place * PLACE
    last = data[-TAIL:]
    at = (count - len(last)) % TAIL
    first = last[: TAIL - at]
    tails[start + COUNT + at : start + COUNT + at + len(first)] = first
    rest = last[len(first) :]
    tails[start + COUNT : start + COUNT + len(rest)] = rest
    tails[start : start + COUNT] = count.to_bytes(COUNT, "little")
    start += COUNT + TAIL
    number = int.from_bytes(tails[start : start + 8], "little")
    at = start + 8 + number % MARKS * MARK
    tails[at : at + MARK] = now.to_bytes(8, "little") + count.to_bytes(8, "little")
    tails[start : start + 8] = (number + 1).to_bytes(8, "little")


def hold(tails: "mmap", place: int, number: int) -> None:
    """Record how many of the last bytes this pump leaves to the next one."""
    end = (place + 1) * PLACE
    tails[end - 8 : end] = number.to_bytes(8, "little")


def held(tails: "mmap", place: int) -> bytes:
    """Take the bytes that the previous pump has left to this one."""
    end = (place + 1) * PLACE
    number = int.from_bytes(tails[end - 8 : end], "little")
    hold(tails, place, 0)
    data = tail(tails, place)[1]
    return data[len(data) - number :]


def marks(tails: "mmap", place: int) -> "list[tuple[int, int]]":
    """Return [(nanoseconds, how many bytes had come by then), ...], the oldest first."""
    start = place * PLACE + COUNT + TAIL
    number = int.from_bytes(tails[start : start + 8], "little")
    found = []
    for mark in range(max(0, number - MARKS), number):
        at = start + 8 + mark % MARKS * MARK
        data = tails[at : at + MARK]
        found.append((int.from_bytes(data[:8], "little"), int.from_bytes(data[8:], "little")))
    return found
