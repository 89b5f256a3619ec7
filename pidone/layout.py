"""How the memory is laid out that PID 1 shares with its children: the record, and the tails of the output.

PID 1 maps it before it forks. Who reads it: report/replay.py the record, helpers/tails.py the tails.
"""

#: The record: (slots, bytes of each) of its three rings; bytes before the first slot: how many events each has had.
RINGS, RINGS_HEAD = ((1280, 160), (512, 160), (64, 640)), 24

#: The tail of one stream: how many bytes have come so far, and the last of them, in a ring; how many marks there have
#: been, and the last of them: (nanoseconds of the monotonic clock, how many bytes had come then); how many of the last
#: bytes a pump that has handed over has not passed on.
COUNT, TAIL, MARKS, MARK = 8, 16384, 256, 16
PLACE = COUNT + TAIL + 8 + MARKS * MARK + 8

#: The two streams of a process: stdout, and what is not told apart from it; stderr.
OUT, ERR = 0, 1
