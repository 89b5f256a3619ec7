"""The application.

GET / greets. POST /jobs gives the worker a number. GET /jobs/ID returns its factors. GET /health
answers 200.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import os
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Callable

JOBS = Path("/run/web/jobs")

log = logging.getLogger("main")
log.setLevel(logging.INFO)
log.addHandler(logging.handlers.SysLogHandler("/run/web/log.sock"))
log.handlers[0].ident = "main: "  # type: ignore[attr-defined]

Answer = tuple[str, dict[str, Any]]


def create(environ: dict[str, Any]) -> Answer:
    try:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        number = int(json.loads(environ["wsgi.input"].read(length))["number"])
    except (ValueError, KeyError, TypeError):
        return "400 Bad Request", {"error": 'send {"number": 91}'}
    job = uuid.uuid4().hex
    JOBS.mkdir(exist_ok=True)
    partial = JOBS / f".{job}"
    partial.write_text(str(number))
    partial.rename(JOBS / f"{job}.todo")
    log.info("job %s: factors of %d", job, number)
    return "202 Accepted", {"job": job}


def result(job: str) -> Answer:
    done = JOBS / f"{job}.done"
    if job.isalnum() and done.exists():
        return "200 OK", {"job": job, "factors": json.loads(done.read_text())}
    if job.isalnum() and (JOBS / f"{job}.todo").exists():
        return "200 OK", {"job": job, "factors": None}
    return "404 Not Found", {"error": f"no job {job}"}


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
    if path == "/":
        status, body = "200 OK", {"hello": "world", "pid": os.getpid()}
    elif path == "/health":
        status, body = "200 OK", {"ok": True}
    elif path == "/jobs" and method == "POST":
        status, body = create(environ)
    elif path.startswith("/jobs/"):
        status, body = result(path[len("/jobs/") :])
    else:
        status, body = "404 Not Found", {"error": f"no {path}"}
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps(body).encode() + b"\n"]
