"""What a session commands: it sends PID 1 the command, and waits for the outcome.

E1 and so on: docs/reference/edge-cases.md.
"""

from __future__ import annotations

import json
import os
from signal import SIG_BLOCK, SIGALRM, SIGTERM, pthread_sigmask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pidone.helpers.control.session import Session
    from pidone.helpers.snapshot import ProcessState

from pidone.control.protocol import HUNG, RELOAD, RESTART_ONE, SIGNAL_ONE, START_ONE, STOP_ALL, STOP_ONE
from pidone.helpers.control.session import ANSWER_TIMEOUT, FOLLOWING, ReloadedError, RequestError
from pidone.init.messages import how
from pidone.init.plan import INIT, PRIMARY, SIDECAR
from pidone.init.signals import number as signal_number

#: Seconds for a process that a command starts to have started, unless the client gives a time.
STARTING = 60.0

#: Seconds that a reload may take until all changed processes have ended.
TAKING_OVER = 120


def signal(session: Session, request: dict[str, Any]) -> None:
    process = session.process(request["name"])
    try:
        number = signal_number(request["signal"])
    except ValueError as error:
        raise RequestError(str(error)) from None
    if not process.alive:
        raise RequestError(f"{request['name']} is not running")
    session.command(SIGNAL_ONE, process.id, number)
    session.send_answer({"ok": True})


def stop(session: Session, request: dict[str, Any]) -> None:
    if request.get("name") is None:
        pthread_sigmask(SIG_BLOCK, (SIGTERM,))  # the sweep's SIGTERM must not end us before the answer
        session.command(STOP_ALL)
        session.send_answer({"ok": True})
        return
    process = session.process(request["name"])
    role = process.role
    if role != SIDECAR:
        why = {
            PRIMARY: "the group ends with it; pidonectl stop without a name stops the group",
            INIT: "it runs once, to completion; pidonectl stop without a name stops the group",
        }
        what = "an init step" if role == INIT else "the primary"
        raise RequestError(f"{request['name']} is {what}: {why[role]}")
    session.command(STOP_ONE, process.id)
    if process.alive:  # as at the fork
        await_one(session, "exited", process)
    session.send_answer({"ok": True})


def start(session: Session, request: dict[str, Any]) -> None:
    begin(session, request, START_ONE)


def restart(session: Session, request: dict[str, Any]) -> None:
    begin(session, request, RESTART_ONE)


def begin(session: Session, request: dict[str, Any], verb: int) -> None:
    member = session.process(request["name"])
    if member.role == INIT and (member.passed or verb == RESTART_ONE):
        raise RequestError(f"{request['name']} is an init step: it runs once")
    if verb == START_ONE and member.running and not member.held_down:
        raise RequestError(f"{request['name']} is already running as pid {member.pid}")
    if not member.alive and not member.down:
        raise RequestError(f"{request['name']} waits for its turn: processes before it have not started yet")
    waits = request.get("wait", True)
    timeout = min(request.get("timeout", STARTING), FOLLOWING)
    if waits:
        session.go_on(timeout)
    session.command(verb, member.id)
    session.send_answer({"ok": True, "started": has_started(session, member, timeout) if waits else None})


def has_started(session: Session, process: ProcessState, timeout: float) -> bool:
    """Wait until the command's new instance has started, or an init step has ended with 0.

    Return False where that takes too long. Raises RequestError where it has failed.
    """
    pid, role, why = 0, process.role, ""
    index, name = process.id, process.name
    for event in session.following(session.since, timeout):
        kind, rest = event[2], event[3:]
        if kind == "turned" and rest == (-1, "stop"):
            raise RequestError("the group stops")
        if kind == "said" and rest[:2] in (("probe failed", index), ("hook failed", index)) and rest[2] != "pre_stop":
            why = f"{name}: its {rest[2]} failed: {rest[-1] or 'no reason given'}"
        if rest[:1] != (index,):
            continue
        if kind in ("forked", "main_pid"):
            pid, why = rest[1], ""
        elif kind == "failed":
            raise not_started(process, event)
        elif kind == "turned" and rest[1] == "started" and pid:
            return True
        elif kind == "exited" and rest[1] == pid:
            if role == INIT and rest[2] == rest[3] == 0:
                return True
            raise RequestError(why or f"{name} {how(rest[2], rest[3])} before it had started")
    return False


def not_started(process: ProcessState, event: tuple[Any, ...]) -> RequestError:
    """Return the error of a "failed" event.

    An event that was too long for the record has lost its text.
    """
    return RequestError(f"{process.name} could not be started: {event[5] if len(event) > 5 else ''}")


def await_one(session: Session, kind: str, process: ProcessState) -> None:
    """Wait until the process has an event of this kind.

    Raises RequestError where the process fails, the group stops or the time is over.
    """
    for event in session.following(session.since, ANSWER_TIMEOUT - 2):
        if event[2] == kind and event[3] == process.id:
            return
        if event[2] == "failed" and event[3] == process.id:
            raise not_started(process, event)
        if event[2] == "turned" and event[3:] == (-1, "stop"):
            raise RequestError("the group stops")
    raise RequestError("pidone accepted the command, but nothing happened yet; see pidonectl status")


def reload(session: Session, request: dict[str, Any]) -> None:
    """Have PID 1 read the file again, and answer when the new plan has taken over.

    A broken file changes nothing, and the answer has all its errors.
    """
    wrong = wrong_file(session)
    if wrong:
        session.send_answer({"ok": False, "error": wrong[0], "errors": wrong})
        return
    session.go_on(TAKING_OVER)
    session.command(RELOAD, 0, os.getpid())
    try:
        for event in session.following(session.since, TAKING_OVER):
            # an event that names a session is for that session only
            if event[2:5] == ("turned", -1, "not reloaded") and event[5:] in ((), (os.getpid(),)):
                raise RequestError("the group is stopping or already reloading, or the file changed meanwhile")
    except ReloadedError:
        session.send_answer({"ok": True})
        return
    raise RequestError("the processes that changed are still stopping; see pidonectl status")


def wrong_file(session: Session) -> list[str]:
    """Return every error of the file, as `pidonectl check` lists them.

    A child looks for them. Where a name service hangs, SIGALRM ends the child, and this session
    still answers (E50). Raises RequestError where the child fails.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, json.dumps(errors_of(session)).encode())
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    with open(reading, "rb") as pipe:
        data = pipe.read()
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])  # negative: killed by that signal
    if ended == -SIGALRM:
        raise RequestError(HUNG)
    if ended:
        raise RequestError(f"the child that reads the file {how(max(ended, 0), max(-ended, 0))}")
    return list(json.loads(data))


def errors_of(session: Session) -> list[str]:
    from pidone.config import answer, lookup
    from pidone.config.read import ConfigError, read
    from pidone.config.resolve import Resolver

    known = session.known
    assert known.file is not None
    path = os.path.join(known.common.inherited.cwd or b"/", known.file)
    name = os.fsdecode(path)
    try:
        Resolver(answer.checked(read(name)), os.path.dirname(name), patience=lookup.PATIENCE).resolve()
    except ConfigError as wrong:
        return [line.partition("pidone: ")[2] for line in answer.lines(name, wrong.errors)]
    return []


#: {verb: the function that carries it out}
ANSWERS = {
    "signal": signal, "stop": stop, "start": start, "restart": restart, "reload": reload,
}  # fmt: skip
