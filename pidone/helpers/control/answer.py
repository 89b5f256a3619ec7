"""What a session does: it checks access, reads the request and answers it, with a deadline.

Each session is a child that PID 1 forks. Root and pidone's own user may ask for everything. Other
users may look or steer where the file says so.
"""

from __future__ import annotations

import signal
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pidone.supervisor.loop import GroupLoop

from pidone.helpers.control import access
from pidone.helpers.control.session import (
    ANSWER_TIMEOUT,
    REQUEST_TIMEOUT,
    DisconnectedError,
    ReloadedError,
    RequestError,
    Session,
)
from pidone.helpers.snapshot import GroupSnapshot
from pidone.init import trouble


def run(loop: GroupLoop, fd: int, _: int = -1) -> tuple[int, str]:
    """Serve the client on `fd` until it has its answer or has hung up.

    SIGALRM ends this process when the time is over.
    """
    signal.alarm(REQUEST_TIMEOUT + ANSWER_TIMEOUT)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    session = Session(GroupSnapshot(loop), socket.socket(fileno=fd))
    try:
        access.check(session, access.LOOK)  # a user who may not even look gets no request read
        answer(session, session.request())
    except ReloadedError:
        session.send_answer({"ok": True, "reloaded": True})
    except RequestError as refused:
        session.send_answer({"ok": False, "error": str(refused)})
    except (DisconnectedError, OSError):
        pass
    return 0, ""


def answer(session: Session, request: dict[str, Any]) -> None:
    """Answer one request.

    Raises RequestError, ReloadedError, DisconnectedError and OSError, which `run` handles.
    """
    signal.alarm(ANSWER_TIMEOUT)
    from pidone.helpers.control import commands, exec_session, fields, queries

    verbs = {**queries.ANSWERS, **commands.ANSWERS, "exec": exec_session.run}
    verb = verbs.get(request["do"])
    if verb is None:
        raise RequestError(f"there is no '{request['do'][:40]}' here")
    if request["do"] not in queries.ANSWERS:
        access.check(session, access.STEER)
    try:
        verb(session, fields.read(request))
    except (RequestError, ReloadedError, DisconnectedError, OSError):
        raise
    except Exception as error:
        raise RequestError(f"internal error: {trouble.place(error)}") from None
