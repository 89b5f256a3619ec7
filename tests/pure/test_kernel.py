"""PID 1's loop makes system calls only on the kernel object it gets: here a simulated one."""

from __future__ import annotations

import ast
import signal
from types import SimpleNamespace
from typing import Any

import pytest

from pidone import kernel
from pidone.init import arguments, events
from pidone.init.loop import Loop
from pidone.init.plan import single
from pidone.init.single import Single
from tests.support.pid1 import PACKAGE

#: The files that PID 1 uses once its loop runs. Each system call in them goes through the kernel
#: object. A function that names an errno or reads a status is no system call.
THROUGH_THE_KERNEL = {
    "init/loop.py", "init/reap.py", "init/record.py", "init/proc.py", "init/report.py", "init/trouble.py",
    "supervisor/control_server.py", "supervisor/counters.py", "supervisor/helpers.py", "supervisor/loop.py",
    "supervisor/notifications.py",
    "supervisor/oom.py", "supervisor/output.py", "supervisor/planner.py", "supervisor/record.py",
}  # fmt: skip
NO_CALLS = {"strerror", "WIFSIGNALED", "WTERMSIG", "WEXITSTATUS"}


@pytest.mark.parametrize("path", sorted(THROUGH_THE_KERNEL))
def test_the_loop_makes_no_system_call_directly(path: str) -> None:
    for node in ast.walk(ast.parse((PACKAGE / path).read_text())):
        assert not (isinstance(node, ast.ImportFrom) and node.module in ("time", "posix")), path
        if isinstance(node, ast.Call):
            module, _, name = ast.unparse(node.func).rpartition(".")
            assert module not in ("posix", "_signal", "time") or name in NO_CALLS, f"{path}:{node.lineno} {name}"


class Simulated:
    """A kernel with one child, which is executed and ends with 3.

    asked: the calls that were made, with their arguments.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.answer = [b"\xff", b""]  # the exec comes next; it has worked
        self.children = [SimpleNamespace(si_pid=5, si_code=1, si_status=3)]  # CLD_EXITED
        self.woken = False

    def __getattr__(self, name: str) -> Any:
        assert hasattr(kernel, name), f"it asks for {name}"

        def call(*arguments: Any) -> Any:
            self.asked.append((name, *arguments))
            return {"fork": 5, "pipe2": (10, 11), "monotonic": float(len(self.asked)), "getpid": 1}.get(name)

        return call

    def read(self, fd: int, size: int) -> bytes:
        return self.answer.pop(0)

    def waitid(self, *_: int) -> Any:
        if not self.woken:
            return None
        if not self.children:
            raise ChildProcessError
        return self.children[0]

    def waitpid(self, pid: int, options: int) -> tuple[int, int]:
        self.asked.append(("waitpid", pid, options))
        self.children.clear()
        return pid, 3 << 8

    def sigwaitinfo(self, signals: Any) -> Any:
        self.asked.append(("sigwaitinfo",))
        self.woken = True
        return SimpleNamespace(si_signo=signal.SIGCHLD, si_code=1, si_pid=5, si_uid=0)

    def _exit(self, code: int) -> None:
        raise SystemExit(code)


def test_the_real_loop_runs_on_a_simulated_kernel() -> None:
    simulated = Simulated()
    wanted = arguments.read(["--", "true"])
    loop = Loop(Single(single(wanted.command)), None, None, wanted, simulated)  # type: ignore[arg-type]
    with pytest.raises(SystemExit) as ended:
        loop.run([])
    assert ended.value.code == 3
    calls = [asked for asked in simulated.asked if asked[0] not in ("monotonic", "getpid", "close", "set_blocking")]
    assert [name for name, *_ in calls] == ["pipe2", "fork", "sigwaitinfo", "kill", "kill", "waitpid"]
    assert calls[-3:-1] == [("kill", -1, signal.SIGTERM), ("kill", -1, signal.SIGCONT)]


def test_queued_events_do_not_block_the_loop() -> None:
    """A helper that cannot be forked leads to an event, perhaps while no event is being taken."""
    simulated = Simulated()
    wanted = arguments.read(["--", "true"])
    loop = Loop(Single(single(wanted.command)), None, None, wanted, simulated)  # type: ignore[arg-type]
    loop.queue.append((events.SUSPENDED, 0))
    loop.feed((events.BEGIN,))
    assert ("fork",) in simulated.asked and not loop.queue
