"""Real programs that always go into the background, as declared processes in a container."""

from __future__ import annotations

import json
import re

import pytest

from tests.support.engine import Container, Engine, Run, mount
from tests.support.pid1 import Write, until

NGINX = """
worker_processes 1;
pid /run/web/nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path /run/web/body; proxy_temp_path /run/web/proxy; fastcgi_temp_path /run/web/fastcgi;
    scgi_temp_path /run/web/scgi; uwsgi_temp_path /run/web/uwsgi;
    server { listen 8080; location / { return 200 "pid $pid\\n"; } }
}
"""

GROUP = """
[[volume]]
name = "run"
path = "/run/web"

[[process]]
name        = "nginx"
role        = "%s"
command     = ["nginx", "-c", "/etc/nginx.conf", "-e", "stderr", "-g", "daemon on;"]
daemonizes  = true
pid_file    = "/run/web/nginx.pid"
stop_signal = "SIGQUIT"
startup     = { http = "http://127.0.0.1:8080/", period = "100ms", failure_threshold = 100 }
%s
"""

MAIN = """
[[process]]
name    = "main"
role    = "primary"
command = ["sleep", "1000"]
"""


def group(write: Write, role: str, more: str = "") -> tuple[str, ...]:
    return (*mount(write("pidone.toml", GROUP % (role, more))), *mount(write("nginx.conf", NGINX), "/etc/nginx.conf"))


def daemons(container: Container, count: int) -> list[str]:
    """Return the lines of nginx's pid file, once `count` instances have started."""
    wanted = r"pidone: main_pid of nginx: success\n(?:.*\n)*?pidone: nginx is running\(started"
    until(lambda: len(re.findall(wanted, container.logs()[1])) >= count, f"{count} of nginx have started")
    return container.exec("cat", "/run/web/nginx.pid").lines


def test_an_nginx_with_daemon_on_restarts_and_stops_as_the_process(run: Run, write: Write) -> None:
    container = run(*group(write, "sidecar", MAIN), "web", "-v")
    first = daemons(container, 1)[0]
    container.exec("sh", "-c", f"kill -9 {first}")
    container.said(f"sidecar nginx (pid {first}) was killed by SIGKILL; restart 1 now")
    second = daemons(container, 2)[0]
    assert second != first
    running = container.exec("sh", "-c", "for p in /proc/[0-9]*; do cat $p/comm; done", check=False).text.split()
    assert running.count("nginx") == 2, running  # a master and a worker: none of the former instance is left
    result, took = container.stop()
    assert f"nginx (pid {second}) ended with exit code 0" in result.err and took < 10, result
    assert "SIGKILL to" not in result.err, result


def test_the_container_ends_with_an_nginx_daemon_as_the_primary(run: Run, write: Write) -> None:
    container = run(*group(write, "primary"), "web", "-v")
    pid = daemons(container, 1)[0]
    container.exec("sh", "-c", f"kill -TERM {pid}")
    assert container.end().code == 0


# -- others: sshd, a PostgreSQL by pg_ctl, and a python-daemon program

#: Go into the background as in python-daemon's documentation. It breaks the lock of a former
#: instance.
PROGRAM = """
import os, time
import daemon, daemon.pidfile
lock = daemon.pidfile.TimeoutPIDLockFile("/run/web/program.pid", acquire_timeout=0)
try:
    os.kill(lock.read_pid() or 0, 0)
except ProcessLookupError:
    lock.break_lock()
with daemon.DaemonContext(pidfile=lock, umask=0o022):
    time.sleep(1000)
"""

CLUSTER = """
[[volume]]
name  = "data"
path  = "/srv/data"
owner = "postgres"
mode  = "0700"

[[process]]
name  = "cluster"
role  = "init"
user  = "postgres"
shell = "cd /srv/data && /usr/lib/postgresql/15/bin/initdb -D new -A trust && mv new it"
"""

ENTRY = """
[[volume]]
name  = "run"
path  = "/run/web"

[[volume]]
name = "sshd"
path = "/run/sshd"
mode = "0755"
%s
[[process]]
name       = "%s"
role       = "sidecar"
daemonizes = true
%s
"""

SSHD = """
command  = ["/usr/sbin/sshd", "-p", "2222", "-o", "PidFile=/run/web/sshd.pid"]
pid_file = "/run/web/sshd.pid"
startup  = { tcp = "127.0.0.1:2222", period = "100ms", failure_threshold = 100 }
"""

POSTGRES = """
command     = [
    "/usr/lib/postgresql/15/bin/pg_ctl", "-D", "/srv/data/it", "-o", "-k /srv/data", "-W",
    "-l", "/srv/data/log", "start",
]
user        = "postgres"
pid_file    = "/srv/data/it/postmaster.pid"
stop_signal = "SIGINT"
startup     = { exec = ["pg_isready", "-h", "/srv/data"], period = "200ms", timeout = "2s", failure_threshold = 100 }
"""

PYTHON = """
command  = ["python3", "/etc/program.py"]
pid_file = "/run/web/program.pid"
startup  = { file = "/run/web/program.pid", period = "100ms" }
"""

#: {name: (what comes before it in the file, its keys)}. A daemon closes every descriptor that may
#: exist: a billion of them, where the engine's own limit is the container's.
DAEMONS = {
    "sshd": ("", SSHD + "rlimits = { nofile = 1024 }"),
    "postgres": (CLUSTER, POSTGRES),
    "program": ("", PYTHON + "rlimits = { nofile = 1024 }"),
}


@pytest.mark.parametrize("name", DAEMONS)
def test_it_restarts_stops_and_is_reported_as_the_declared_process(
    run: Run, demos: Engine, write: Write, name: str
) -> None:
    before, keys = DAEMONS[name]
    file = write("pidone.toml", ENTRY % (before, name, keys) + MAIN)
    options = (*mount(file), *mount(write("program.py", PROGRAM), "/etc/program.py"))
    container = run(*options, "pidone-demos", "-v", "-c", "/etc/pidone.toml")
    first = started(container, name, 1)
    container.exec("sh", "-c", f"kill -9 {first}")
    container.said(f"sidecar {name} (pid {first}) was killed by SIGKILL; restart 1 now")
    second = started(container, name, 2)
    assert second != first
    result, took = container.stop()
    code = 1 if name == "program" else 0  # python-daemon ends with an exception
    assert f"{name} (pid {second}) ended with exit code {code}" in result.err, result
    assert took < 10 and "SIGKILL to" not in result.err, (took, result)


def started(container: Container, name: str, count: int) -> int:
    """Return the daemon's pid of `pidonectl status`, once `count` instances have started."""
    wanted = rf"pidone: main_pid of {name}: success\n(?:.*\n)*?pidone: {name} is running\(started"
    # initdb takes more than a minute on a busy machine.
    until(lambda: len(re.findall(wanted, container.logs()[1])) >= count, f"{count} of {name} have started", 240)
    status = json.loads(container.exec("pidonectl", "status", "--json").text)
    return next(int(one["pid"]) for one in status["processes"] if one["name"] == name)
