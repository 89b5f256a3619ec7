"""What `pidone --help` and `--version` print. Loaded only for that.

The help is one screen of 80 x 24.
"""

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from pidone.init.arguments import Arguments

from pidone import __version__

HELP = """\
pidone: PID 1 of a container, for one program or a declared group.

  pidone [OPTIONS] [--] COMMAND [ARG...]  one program
  pidone [OPTIONS] [-c FILE]              the group in FILE, or $PIDONE_CONFIG,
                                          or /etc/pidone.toml
  pidone [OPTIONS] -c FILE [--] COMMAND   the group, with this primary

  -c, --config FILE      the group's file; try it with: pidonectl check FILE
  -g, --group            signals go to the primary's process group, not to
                         it alone: for a shell that does not pass them on
  -r, --rewrite FROM:TO  receive FROM, send TO; 0 drops it: TERM:QUIT, HUP:0
  -t, --grace TIME       of a stop, before SIGKILL: 500ms, 6s (the default), 5m
  -e, --remap CODE       exit 0 where the primary's code is CODE: 143 of a JVM
  -o, --report FILE      how it ended and why, as JSON: pidonectl report FILE
  -v, --verbose          say each event on stderr
  -h, --help             this screen
      --version

Exit code: the primary's; 128+n if signal n killed it; 127 command not found;
126 command cannot be run; 2 wrong usage or file; a failed init step's own.
"""


def print_and_exit(wanted: "Arguments") -> "NoReturn":
    try:
        posix.write(1, (HELP if wanted.help else "pidone %s\n" % __version__).encode())
    except OSError:
        posix._exit(1)
    posix._exit(0)
