"""What an init prints on standard paths, to compare pidone with the original."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.support.terminal import APP, Tty

NAMES = ("tini", "dumb-init", "catatonit")


#: The app of test_terminal. It prints None where its stdin is no terminal of its session.
ANYWHERE = APP.replace("os.tcgetpgrp(0) == os.getpgrp()", "own()").replace(
    "def said(",
    """def own():
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return None
def said(""",
)


def transcript(*command: str) -> list[str]:
    """Return what an app on a terminal gets, and its exit code.

    A SIGHUP or SIGCONT that comes as well is included.
    """
    with Tty(*command) as tty:
        tty.see("up (True|False|None)")
        said = [str(tty.screen.after)]
        steps: list[tuple[Callable[[], object], str]] = [(lambda: tty.type("words"), "read words")]
        if said != ["up None"]:
            tty.resize_until(50, 132, "got 28 132 50")
            said += [number for number in re.findall(r"got (\d+)", str(tty.screen.before)) if number != "28"]
            steps += [
                (lambda: tty.press("c"), "got 2 132 50"),
                (lambda: tty.press("\\"), "got 3 132 50"),
                (lambda: tty.type("more"), "read more"),
            ]
        for act, wanted in steps:
            act()
            tty.see(re.escape(wanted))
            besides = re.findall(r"got (\d+)", str(tty.screen.before))
            said += [number for number in besides if number != "28"] + [wanted]  # docker sets the size at any time
        said.append(tty.foreground())
        tty.type("end")
        said.append(str(tty.code()))
    return said
