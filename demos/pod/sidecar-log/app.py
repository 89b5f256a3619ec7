"""Write numbered lines to the log until SIGTERM, then a thousand more, and a last line."""

import signal
import time

told = []
signal.signal(signal.SIGTERM, lambda number, frame: told.append(number))
count = 0
with open("/tmp/sidecar-log/logs/app.log", "a", buffering=1) as log:
    print("app: started", flush=True)
    while not told:
        for _ in range(20):
            count += 1
            log.write(f"line {count}\n")
        time.sleep(0.001)
    for _ in range(1000):
        count += 1
        log.write(f"line {count}\n")
    log.write("the last line\n")
print(f"app: {count} lines and the last one written", flush=True)
