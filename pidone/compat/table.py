"""What tini, dumb-init and catatonit take and do, from their manuals and Debian's own binaries.

tini 0.19.0, dumb-init 1.2.5, catatonit 0.1.7. docs/how-to/drop-in.md lists where pidone differs,
and why.
"""

from errno import EACCES, ENOENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

from pidone.init.arguments import INITS

TRAP, CHLD, SIGSTOP, TSTP, TTIN, TTOU = 5, 17, 19, 20, 21, 22

#: Signals of a fault of the program (ILL, TRAP, ABRT, ...); tini and catatonit leave them to the
#: kernel.
FAULTS = (4, TRAP, 6, 7, 8, 11, 31)

# Where the started process is put
OWN_GROUP = "group"  # a process group of its own, in the terminal's foreground; the session is the init's
OWN_SESSION = "session"  # a session of its own, with the terminal
NOWHERE = "nowhere"  # in the init's own process group


class Profile:
    """One of tini, dumb-init and catatonit.

    name, version: its name, and the start of its version line.
    options: {letter: (field of Options, name of its value or None, words for the usage)}.
    longs: {long name: letter}.
    environment: ((variable, field of Options, how it is read, words for the usage), ...).
    permutes: options may stand behind the program's name, until a `--`, as getopt(3) has it.
    unsent: signals that are never passed on.
    placement: where the process is put.
    subreaper: when it becomes one if it is not PID 1: "asked", "never", "always".
    failures: {errno of exec: exit code}; 0 for any other errno.
    final_signal: the signal that the process group gets once the process has ended, or 0.
    on_stderr: what is printed on stderr instead of stdout.
    terminal: the path that is asked for the terminal before stdin, or None.
    activated: the variable that names the process meant by socket activation, or None. If that is
      the init, the program's pid is put there.
    """

    __slots__ = (
        "name", "version", "options", "longs", "environment", "permutes", "unsent", "placement", "subreaper",
        "failures", "final_signal", "on_stderr", "terminal", "activated",
    )  # fmt: skip

    def __init__(self, name: str, version: str, **rows: "Any") -> None:
        self.name, self.version = name, version
        for slot in self.__slots__[2:]:
            setattr(self, slot, rows[slot])

    if TYPE_CHECKING:
        name: str
        version: str
        options: "dict[str, tuple[str, str | None, str]]"
        longs: "dict[str, str]"
        environment: "tuple[tuple[str, str, str, str], ...]"
        permutes: bool
        unsent: "tuple[int, ...]"
        placement: str
        subreaper: str
        failures: "dict[int, int]"
        final_signal: int
        on_stderr: "tuple[str, ...]"
        terminal: "str | None"
        activated: "bytes | None"


TINI = Profile(
    "tini", "tini version 0.19.0",
    options={
        "s": ("subreaper", None, "adopt orphans when not PID 1"),
        "p": ("parent", "SIGNAL", "get this signal when the parent dies, such as -p SIGKILL"),
        "v": ("louder", None, "say more; up to three times"),
        "w": ("reaped", None, "say when an orphan is reaped"),
        "g": ("process_group", None, "send signals to the process group"),
        "e": ("remapped", "CODE", "exit with 0 if the program exits with this code, 0 to 255; may be repeated"),
        "l": ("licence", None, "the licence"),
        "h": ("help", None, "this"),
    },
    longs={},
    environment=(
        ("TINI_SUBREAPER", "subreaper", "there", "as -s"),
        ("TINI_KILL_PROCESS_GROUP", "process_group", "there", "as -g"),
        ("TINI_VERBOSITY", "loud", "number", "0 to 3; 1 where it is not set"),
    ),
    permutes=True, unsent=(*FAULTS, CHLD, TTIN, TTOU), placement=OWN_GROUP, subreaper="asked",
    failures={ENOENT: 127, EACCES: 126, 0: 1}, final_signal=0, on_stderr=(), terminal=None, activated=None,
)  # fmt: skip

DUMB_INIT = Profile(
    "dumb-init", "dumb-init v1.2.5",
    options={
        "c": ("single_child", None, "send signals to the program alone, not to its session"),
        "r": ("rewrites", "S:R", "on signal number S send R; 0 drops it; may be repeated"),
        "v": ("louder", None, "say what happens"),
        "h": ("help", None, "this"),
        "V": ("version", None, "the version"),
    },
    longs={"single-child": "c", "rewrite": "r", "verbose": "v", "help": "h", "version": "V"},
    environment=(
        ("DUMB_INIT_SETSID", "single_child", "is 0", "0: as -c"),
        ("DUMB_INIT_DEBUG", "louder", "is 1", "1: as -v"),
    ),
    permutes=False, unsent=(CHLD,), placement=OWN_SESSION, subreaper="never", failures={0: 2}, final_signal=15,
    on_stderr=("help", "version"), terminal=None, activated=None,
)  # fmt: skip

CATATONIT = Profile(
    "catatonit", "tini version 0.1.7_catatonit",
    options={
        "g": ("process_group", None, "send signals to the process group"),
        "P": ("pause", None, "run no program: wait for SIGINT or SIGTERM, and reap"),
        "h": ("help", None, "this"),
        "L": ("licence", None, "the licence"),
        "V": ("version", None, "the version"),
    },
    longs={"version": "V"},
    environment=(),
    permutes=True, unsent=(*FAULTS, CHLD, TSTP, TTIN, TTOU), placement=OWN_GROUP, subreaper="always", failures={0: 1},
    final_signal=0, on_stderr=("help",), terminal="/dev/tty", activated=b"LISTEN_PID",
)  # fmt: skip

PROFILES = dict(zip(INITS, (TINI, TINI, TINI, DUMB_INIT, CATATONIT)))
