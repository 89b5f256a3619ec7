"""One server of the cluster: answers with its name."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NUMBER = int(os.environ["PIDONE_REPLICA"])


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"server-%d" % NUMBER)

    def log_message(self, *_: object) -> None:
        pass


ThreadingHTTPServer(("127.0.0.1", 9000 + NUMBER), Handler).serve_forever()
