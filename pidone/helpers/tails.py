"""The tail of a stream: the last bytes that a process has written, in the memory that PID 1 shares (layout.py)."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mmap import mmap

from pidone.layout import COUNT, MARK, MARKS, PLACE, TAIL


def tail(tails: "mmap", place: int) -> "tuple[int, bytes]":
    """(how many bytes have come so far, the last of them) of the place-th stream."""
    start = place * PLACE
    count = int.from_bytes(tails[start : start + COUNT], "little")
    data = tails[start + COUNT : start + COUNT + TAIL]
    if count <= TAIL:
        return count, data[:count]
    return count, data[count % TAIL :] + data[: count % TAIL]


def keep(tails: "mmap", place: int, count: int, data: bytes, now: int) -> None:
    """Put the last bytes of a stream that has had `count` into its tail. now: nanoseconds."""
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
    """So many of the last bytes are left to the next pump."""
    end = (place + 1) * PLACE
    tails[end - 8 : end] = number.to_bytes(8, "little")


def held(tails: "mmap", place: int) -> bytes:
    """What the pump before has left to this one, which has it from now on."""
    end = (place + 1) * PLACE
    number = int.from_bytes(tails[end - 8 : end], "little")
    hold(tails, place, 0)
    data = tail(tails, place)[1]
    return data[len(data) - number :]


def marks(tails: "mmap", place: int) -> "list[tuple[int, int]]":
    """(nanoseconds, how many bytes had come then), the oldest first."""
    start = place * PLACE + COUNT + TAIL
    number = int.from_bytes(tails[start : start + 8], "little")
    found = []
    for mark in range(max(0, number - MARKS), number):
        at = start + 8 + mark % MARKS * MARK
        data = tails[at : at + MARK]
        found.append((int.from_bytes(data[:8], "little"), int.from_bytes(data[8:], "little")))
    return found
