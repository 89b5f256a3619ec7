"""Write a new page ten times a second.

The script writes another file and renames that, so that a reader never sees a partial page.
"""

import os
import time

count = 0
while True:
    count += 1
    with open("/tmp/shared-volume/index.new", "w") as page:
        page.write(f"page {count}, by the writer\n")
    os.rename("/tmp/shared-volume/index.new", "/tmp/shared-volume/index.html")
    time.sleep(0.1)
