"""The layout of the memory that PID 1 shares with its children: the record and the output's tails.

PID 1 maps this memory before it forks. report/replay.py reads the record, helpers/tails.py the
tails.
"""

#: The record: (slots, bytes of each) of its three rings. RINGS_HEAD: the bytes before the first
#: slot, which hold the number of events that each ring has had.
RINGS, RINGS_HEAD = ((1280, 160), (512, 160), (64, 640)), 24

#: The tail of one stream, in this order; all sizes are in bytes:
#: - the number of bytes so far (COUNT), and a ring of the last of them (TAIL);
#: - the number of marks so far (8), and a ring of the last MARKS of them (MARK each): (nanoseconds
#:   of the monotonic clock, number of bytes at that time);
#: - how many of the last bytes a pump has left to the next one when it handed over (8).
COUNT, TAIL, MARKS, MARK = 8, 16384, 256, 16
PLACE = COUNT + TAIL + 8 + MARKS * MARK + 8

#: The two streams of a process. OUT: stdout, or both where they are not told apart. ERR: stderr.
OUT, ERR = 0, 1
