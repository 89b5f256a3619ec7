"""Send requests to one address, 5 ms after each answer.

After every hundred requests, say which servers answered, and how many requests have failed.
"""

import sys
import time
import urllib.request
from collections import Counter

total: "Counter[str]" = Counter()
recent: "Counter[str]" = Counter()
while True:
    for _ in range(100):
        try:
            with urllib.request.urlopen("http://127.0.0.1:8000/", timeout=5) as answer:
                recent[answer.read().decode()] += 1
        except OSError as error:
            recent[f"failed: {error}"] += 1
        time.sleep(0.005)
    total += recent
    alive = sorted(name for name in recent if not name.startswith("failed"))
    failed = sum(number for name, number in total.items() if name.startswith("failed"))
    print(f"app: answers of {', '.join(alive)}; {failed} of {sum(total.values())} failed so far", flush=True)
    recent.clear()
    sys.stdout.flush()
