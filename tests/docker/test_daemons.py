"""Programs that insist on going into the background, as declared processes: real ones, in a container."""

from __future__ import annotations

import re

from tests.conftest import Write
from tests.docker.conftest import Run, mount
from tests.docker.engine import Container
from tests.pid1 import until

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
    """Pids of the daemon, one an instance, once there have been so many."""
    wanted = r"pidone: follow of nginx: yes\n(?:.*\n)*?pidone: nginx is running\(started"
    until(lambda: len(re.findall(wanted, container.logs()[1])) >= count, f"{count} of nginx have started")
    return container.exec("cat", "/run/web/nginx.pid").lines


def test_an_nginx_with_daemon_on_is_restarted_and_stopped_as_the_process(run: Run, write: Write) -> None:
    container = run(*group(write, "sidecar", MAIN), "web", "-v")
    first = daemons(container, 1)[0]
    container.exec("sh", "-c", f"kill -9 {first}")
    container.said(f"sidecar nginx (pid {first}) was killed by SIGKILL; restart 1 now")
    second = daemons(container, 2)[0]
    assert second != first
    running = container.exec("sh", "-c", "for p in /proc/[0-9]*; do cat $p/comm; done", check=False).text.split()
    assert running.count("nginx") == 2, running  # a master and a worker: none of the former's is left
    result, took = container.stop()
    assert f"nginx (pid {second}) ended with exit code 0" in result.err and took < 10, result
    assert "SIGKILL to" not in result.err, result


def test_an_nginx_with_daemon_on_as_the_primary_is_the_container_s_life(run: Run, write: Write) -> None:
    container = run(*group(write, "primary"), "web", "-v")
    pid = daemons(container, 1)[0]
    container.exec("sh", "-c", f"kill -TERM {pid}")
    assert container.end().code == 0
