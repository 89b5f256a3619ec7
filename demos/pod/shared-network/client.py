"""Ask the server, and then try to take its port.

All processes share one network, so each port belongs to one process.
"""

import socket
import sys
import urllib.request

with urllib.request.urlopen("http://127.0.0.1:8707/", timeout=5) as answer:
    print("client: the server saw me at", answer.read().decode())
try:
    socket.create_server(("127.0.0.1", 8707))
except OSError as error:
    print("client: its port is taken:", (error.strerror or "").lower())
else:
    sys.exit("client: I could take its port: we are not in one network")
