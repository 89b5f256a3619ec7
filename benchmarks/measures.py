"""The measures. Each takes the bench and returns {peer: value}.

The peers take turns in each round, so that other load on this machine falls on all of them alike. A
value is the median of its rounds.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.peers import Peers
from pidone.cli import pyz as one_file
from pidone.layout import RINGS

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 60.0
Values = dict[str, float]


class Bench:
    """What the measures share.

    directory: where all temporary files are written.
    scale: a factor for the number of rounds and the sizes; 1 is a full run.
    meter: the path of the compiled meter.c.
    peers: the peers that are installed.
    """

    def __init__(self, directory: Path, scale: float, against: Path | None = None) -> None:
        self.directory = directory
        self.scale = scale
        self.meter = str(directory / "meter")
        self.peers = Peers(directory, against)

    def rounds(self, number: int) -> int:
        return max(3, round(number * self.scale))

    @contextlib.contextmanager
    def running(
        self, command: list[str], *meter: str, path: str | None = None, out: int = subprocess.DEVNULL
    ) -> Iterator[Run]:
        """Run `meter run COMMAND`, and kill it at the end. None of its processes remains.

        meter: other arguments for the meter, in place of "run".
        path: the PATH of the command; default: this process's.
        out: the descriptor for its stdout.
        """
        run = Run([self.meter, *(meter or ("run",)), *command], self.directory, path or os.environ["PATH"], out)
        try:
            yield run
        finally:
            run.end()

    @contextlib.contextmanager
    def sink(self) -> Iterator[int]:
        """Yield the write end of a pipe whose reader reads as fast as it can, like an engine's."""
        reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        assert reader.stdin is not None
        try:
            yield reader.stdin.fileno()
        finally:
            reader.stdin.close()
            reader.wait()

    @contextlib.contextmanager
    def group(self, name: str, count: int, *app: str, more: str = "", out: int = subprocess.DEVNULL) -> Iterator[Run]:
        """Run `count` processes `meter APP` under a supervisor.

        more: lines to add to each process of pidone's file.
        """
        with tempfile.TemporaryDirectory(dir=self.directory) as directory:
            command = self.peers.group[name](Path(directory), count, [self.meter, *app])
            if more:
                file = Path(directory) / "pidone.toml"
                file.write_text(file.read_text().replace("[[process]]\n", f"[[process]]\n{more}"))
            with self.running(command, out=out) as run:
                yield run

    @contextlib.contextmanager
    def carried_by_supervisord(self, megabytes: int, out: int) -> Iterator[Run]:
        with tempfile.TemporaryDirectory(dir=self.directory) as directory:
            command = self.peers.group["supervisord"](Path(directory), 1, [self.meter, "talk", str(megabytes)])
            file = Path(directory) / "supervisord.conf"
            text = file.read_text().replace(
                "stdout_logfile=NONE", "stdout_logfile=/dev/fd/1\nstdout_logfile_maxbytes=0"
            )
            file.write_text(text)
            with self.running(command, out=out) as run:
                yield run


class Run:
    """One start of a peer. The meter appends its values to the file `path`."""

    def __init__(self, command: list[str], directory: Path, path: str, out: int) -> None:
        handle, name = tempfile.mkstemp(dir=directory)
        os.close(handle)
        self.path = Path(name)
        self.process = subprocess.Popen(
            command, env={**os.environ, "METER": name, "PATH": path}, stdin=subprocess.DEVNULL,
            stdout=out, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def lines(self, word: str) -> list[int]:
        return [int(line.split()[1]) for line in self.path.read_text().splitlines() if line.startswith(word + " ")]

    def wait(self, word: str, count: int = 1) -> list[int]:
        """Wait for `count` values of `word`, and return its values. Raises TimeoutError."""
        end = time.monotonic() + PATIENCE
        while True:
            found = self.lines(word)
            if len(found) >= count:
                return found
            if time.monotonic() > end:
                raise TimeoutError(f"{len(found)} of {count} '{word}' in {PATIENCE:g} s: {self.process.args!r}")
            time.sleep(0.002)

    @property
    def pid(self) -> int:
        """The pid of the run's PID 1, in this PID namespace."""
        return self.wait("pid")[0]

    def end(self) -> None:
        if self.process.poll() is None:
            for pid in self.lines("pid"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)  # PID 1's end is its whole namespace's end
            self.process.wait()
        self.path.unlink()


def medians(rows: dict[str, list[float]]) -> Values:
    return {name: statistics.median(values) for name, values in rows.items() if values}


def turns(peers: dict[str, list[str]], number: int) -> list[tuple[str, list[str]]]:
    """Return the peers in an order that starts with another one in each round."""
    items = list(peers.items())
    number %= len(items)
    return items[number:] + items[:number]


def start(bench: Bench) -> tuple[Values, Values]:
    """Return two values for each peer, in ms.

    The first is from exec of PID 1 to the app's first instruction. The second is from the app's end
    to PID 1's end.
    """
    starts: dict[str, list[float]] = {"floor": [], **{name: [] for name in bench.peers.single}}
    deaths: dict[str, list[float]] = {name: [] for name in bench.peers.single if name != "no init"}
    for number in range(bench.rounds(60)):
        with bench.running([*bench.peers.floor, "pass"]) as run:
            end = run.wait("end")[0]
            starts["floor"].append((end - run.wait("exec")[0]) / 1e6)
        for name, words in turns(bench.peers.single, number):
            with bench.running([*words, bench.meter, "now"]) as run:
                end = run.wait("end")[0]
                starts[name].append((run.wait("now")[0] - run.wait("exec")[0]) / 1e6)
                if name in deaths:
                    deaths[name].append((end - run.wait("bye")[0]) / 1e6)
    return medians(starts), medians(deaths)


def ways(bench: Bench) -> tuple[Values, Values]:
    """Return two values for each way to start pidone.

    The first is the ms from exec of PID 1 to the app's first instruction. The second is the USS in
    kB, for those that run one command.
    """
    place = bench.directory / "ways"
    packages = place / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    packages.mkdir(parents=True)
    (place / "bin").mkdir()
    shutil.copytree(ROOT / "pidone", packages / "pidone")
    script = str(shutil.copy(ROOT / "scripts" / "pidone", place / "bin" / "pidone"))
    (place / "bin" / "python3").symlink_to(sys.executable)  # for env(1) in the script's first line
    module = f"import sys; sys.path.append({str(packages)!r}); from pidone.init.main import main; main()"
    group = bench.peers.group["pidone"](place, 1, [bench.meter, "now"])
    compiled = str(shutil.copy(place / "pidone.toml", place / "compiled.toml"))
    compiling = [sys.executable, "-m", "pidone.cli.main", "check", "--compile", compiled]
    subprocess.run(compiling, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    pyz = place / "pidone.pyz"
    pyz.write_bytes(one_file.build())
    commands = {
        "floor": [*bench.peers.floor, "pass"],
        "launcher": [*bench.peers.single["pidone"], bench.meter, "now"],
        "as tini": [bench.peers.single["pidone"][0], "--as", "tini", "--", bench.meter, "now"],
        "pip's script": [script, "--", bench.meter, "now"],
        "pidone.pyz": [sys.executable, "-I", "-S", str(pyz), "--", bench.meter, "now"],
        "python3 -m pidone": [sys.executable, "-c", module, "--", bench.meter, "now"],
        "launcher, a file": group,
        "launcher, a compiled file": [*group[:-1], compiled],
    }
    path = f"{place}/bin:{os.environ['PATH']}"
    rows: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(bench.rounds(40) + 1):
        for name, command in commands.items():
            with bench.running(command, path=path) as run:
                end = run.wait("end")[0]
                first = (run.lines("now") or [end])[0]
                if number:  # the first round writes the .pyc files
                    rows[name].append((first - run.wait("exec")[0]) / 1e6)
    return medians(rows), {name: held(bench, commands[name], path) for name in SINGLY}


#: The columns of `ways` that run one command.
SINGLY = ("launcher", "as tini", "pip's script", "pidone.pyz", "python3 -m pidone")


def held(bench: Bench, command: list[str], path: str) -> float:
    """Return the USS of PID 1 in kB while its app waits."""
    with bench.running([*command[:-1], "hold"], path=path) as run:
        run.wait("now")
        settle(run.pid)
        return uss(run.pid)


def group_start(bench: Bench, count: int) -> Values:
    """Return the ms from exec of PID 1 until all `count` processes of a group run, per process."""
    rows: dict[str, list[float]] = {name: [] for name in bench.peers.group}
    for _ in range(bench.rounds(5) if count <= 100 else 3):
        for name in bench.peers.group:
            with contextlib.suppress(TimeoutError), bench.group(name, count, "hold") as run:
                last = max(run.wait("now", count))
                rows[name].append((last - run.wait("exec")[0]) / 1e6 / count)
    return medians(rows)


def uss(pid: int) -> float:
    """Return the memory that belongs to this process alone, in kB (proc(5), smaps_rollup)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean:", "Private_Dirty:")))


def supervisors(run: Run, meter: str) -> list[int]:
    """Return the pids of PID 1 and all its descendants but the app.

    s6 and runit have one more process for each service.
    """
    found, todo = [], [run.pid]
    while todo:
        pid = todo.pop()
        try:
            if Path(f"/proc/{pid}/exe").resolve() == Path(meter).resolve() and pid != run.pid:
                continue
            for task in Path(f"/proc/{pid}/task").iterdir():
                todo += [int(word) for word in (task / "children").read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
        found.append(pid)
    return found


def memory(bench: Bench, count: int) -> Values:
    """Return the USS in kB of all processes but the app, idle, with `count` processes."""
    values: Values = {}
    if count == 1:
        wait = "import _signal; _signal.sigwait([15])"
        with bench.running([*bench.peers.floor, wait]) as run:
            settle(run.pid)
            values["floor"] = uss(run.pid)
        for name, words in bench.peers.single.items():
            if name != "no init":
                with bench.running([*words, bench.meter, "hold"]) as run:
                    run.wait("now")
                    settle(run.pid)
                    values[name] = uss(run.pid)
    for name in bench.peers.group:
        if count == 1 and name in ("pidone", "before"):
            continue  # the inits above have measured one command
        with contextlib.suppress(TimeoutError), bench.group(name, count, "hold") as run:
            run.wait("now", count)
            settle(run.pid)
            values[name] = sum(uss(pid) for pid in supervisors(run, bench.meter))
    return values


def settle(pid: int) -> None:
    """Wait until a process sleeps and uses no processor time. The measure is of an idle process."""
    before = None
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        now = (fields[0], fields[11], fields[12])
        if now == before and fields[0] == "S":
            return
        before = now
        time.sleep(0.1)


def storm(bench: Bench, orphans: int = 20000) -> Values:
    """Return the orphans reaped per second while the meter makes them.

    Supervisors get a tenth as many orphans, because some of them poll.
    """
    orphans = max(2000, int(orphans * bench.scale))
    rows: dict[str, list[float]] = {}
    for number in range(bench.rounds(5 if "before" not in bench.peers.single else 20)):
        for name, words in turns(bench.peers.single, number):
            if name != "no init":
                with bench.running([*words, bench.meter, "storm", str(orphans)]) as run:
                    rows.setdefault(name, []).append(orphans / run.wait("storm")[0] * 1e9)
    for _ in range(3):
        for name in bench.peers.group:
            if name not in (
                "pidone",
                "before",
                "circus",
                "honcho",
            ):  # circus reaps seldom, and honcho never
                with contextlib.suppress(TimeoutError), bench.group(name, 1, "storm", str(orphans // 10)) as run:
                    rows.setdefault(name, []).append(orphans / 10 / run.wait("storm")[0] * 1e9)
    return medians(rows)


#: Numbers of zombies for `drain`: few, and as many as an application server leaves. `most_zombies`
#: is the third number.
ZOMBIES = (1000, 6000)


def most_zombies() -> int:
    """Return how many zombies this machine's pid_max allows besides its processes (proc(5))."""
    allowed = int(Path("/proc/sys/kernel/pid_max").read_text())
    running = sum(name.isdigit() for name in os.listdir("/proc"))
    return min(30000, allowed - running - 2000)


def drain(bench: Bench, zombies: int) -> Values:
    """Return the ms in which PID 1, suspended until then, reaps this number of zombies."""
    rows: dict[str, list[float]] = {name: [] for name in bench.peers.single if name != "no init"}
    for number in range(bench.rounds(20 if zombies <= max(ZOMBIES) else 5)):
        for name in [name for name, _ in turns(bench.peers.single, number) if name in rows]:
            with bench.running([*bench.peers.single[name], bench.meter, "zombies", str(zombies)]) as run:
                run.wait("now")
                os.kill(run.pid, signal.SIGSTOP)
                run.wait("made")
                env = {**os.environ, "METER": str(run.path)}
                subprocess.run([bench.meter, "drain", str(run.pid)], check=True, env=env)
                rows[name].append(run.wait("drain")[0] / 1e6)
    return medians(rows)


def latency(bench: Bench, pings: int = 2000) -> Values:
    """Return the microseconds from a signal to PID 1 until the app's answer to it arrives."""
    rows: dict[str, list[float]] = {name: [] for name in bench.peers.single}
    for number in range(bench.rounds(15)):
        for name, words in turns(bench.peers.single, number):
            with bench.running([*words, bench.meter, "pong"], "ping", str(pings)) as run:
                run.process.wait()  # no timeout: Python would poll for one
                rows[name].append(statistics.median(run.wait("ping", pings)) / 1e3)
    return medians(rows)


def switches(pids: list[int]) -> int:
    """Return the context switches of these processes so far, voluntary or not (proc(5), status)."""
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            lines = (task / "status").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)
    return total


def idle(bench: Bench, seconds: float = 60.0, count: int = 100) -> Values:
    """Return the context switches in 60 s of all processes but the app.

    A supervisor has 100 processes (`count`), an init has one.
    """
    seconds = max(3.0, seconds * bench.scale)
    runs: dict[str, Run] = {}
    with contextlib.ExitStack() as stack:
        for name in bench.peers.group:
            with contextlib.suppress(TimeoutError):
                run = stack.enter_context(bench.group(name, count, "hold"))
                run.wait("now", count)
                runs[name] = run
        for name, words in bench.peers.single.items():
            if name not in ("no init", "pidone", "before"):
                runs[name] = stack.enter_context(bench.running([*words, bench.meter, "hold"]))
                runs[name].wait("now")
        pids = {name: supervisors(run, bench.meter) for name, run in runs.items()}
        for run in runs.values():
            settle(run.pid)
        before = {name: switches(found) for name, found in pids.items()}
        time.sleep(seconds)  # the measured time: nothing should happen in it
        return {name: (switches(found) - before[name]) * 60.0 / seconds for name, found in pids.items()}


#: Probes for `probes`. Each asks a server that answers at once, or a file that exists.
PROBES = {
    "none": "",
    "exec": '{ exec = ["true"], period = "1s", timeout = "10s" }',
    "file": '{ file = "/", period = "1s", timeout = "10s" }',
    "tcp": '{ tcp = %d, period = "1s", timeout = "10s" }',
    "http": '{ http = "http://127.0.0.1:%d/", period = "1s", timeout = "10s" }',
}


def probes(bench: Bench, count: int = 50) -> tuple[Values, Values]:
    """Return ({handler: ms of PID 1's CPU for one probe}, {handler: USS of PID 1 in kB}).

    50 processes (`count`) are probed each second. The work of a probe is done by a helper, whose
    time and memory are not included.
    """
    seconds = max(3.0, 20 * bench.scale)
    cpu: Values = {}
    memory: Values = {}
    with http_server() as port:
        for name, text in PROBES.items():
            line = f"liveness = {text % port if '%d' in text else text}\n" if text else ""
            with bench.group("pidone", count, "hold", more=line) as run:
                run.wait("now", count)
                time.sleep(2.0)  # by then each process has been probed once
                before, began = cpu_ms(run.pid), time.monotonic()
                time.sleep(seconds)  # the measured time
                asked = count * (time.monotonic() - began)
                cpu[name] = (cpu_ms(run.pid) - before) / asked
                memory[name] = max(uss(run.pid) for _ in range(50))  # the highest: then no child shares its pages
    return cpu, memory


#: The ways in which pidone carries output: column -> the value of its key `log`.
CARRIED = {"pidone": '"prefix"', "pidone, json": '"json"'}


def carry(bench: Bench, megabytes: int = 400) -> tuple[Values, Values]:
    """Return ({peer: MB/s from a process through it to a pipe}, {"pidone": lines lost}).

    The lines lost are those of 1 GB that 10 processes write.
    """
    megabytes = max(20, int(megabytes * bench.scale))
    rows: dict[str, list[float]] = {}
    for _ in range(bench.rounds(5)):
        with bench.sink() as out, bench.running(["sh", "-c", f"{bench.meter} talk {megabytes} | cat"], out=out) as run:
            rows.setdefault("cat", []).append(megabytes * 1e9 / run.wait("talk")[0])
        for name, log in CARRIED.items():
            more = f"log = {log}\n"
            with bench.sink() as out, bench.group("pidone", 1, "talk", str(megabytes), more=more, out=out) as run:
                rows.setdefault(name, []).append(megabytes * 1e9 / run.wait("talk")[0])
        if "supervisord" in bench.peers.group:
            with bench.sink() as out, bench.carried_by_supervisord(megabytes, out) as run:
                rows.setdefault("supervisord", []).append(megabytes * 1e9 / run.wait("talk")[0])
    return medians(rows), {"pidone": float(lines_lost(bench, max(10, int(1000 * bench.scale))))}


def lines_lost(bench: Bench, megabytes: int, writers: int = 10) -> int:
    """Return how many lines did not arrive whole and in the order of their process."""
    each = megabytes // writers
    with tempfile.TemporaryDirectory(dir=bench.directory) as directory:
        command = bench.peers.group["pidone"](Path(directory), writers, [bench.meter, "talk", str(each)])
        file = Path(directory) / "pidone.toml"
        head = '[group]\nlog = "prefix"\ncontrol = false\n'
        text = file.read_text().replace('role = "sidecar"\n', 'role = "sidecar"\nrestart = "never"\n')
        waits = f"{bench.meter} talk {each}; while pgrep -x meter >/dev/null; do sleep 0.1; done"
        waits = f'command = ["sh", "-c", "{waits}"]\n'
        first, last = text.rsplit("command = ", 1)
        file.write_text(head + first + waits + last.split("\n", 1)[1])
        name = tempfile.mkstemp(dir=bench.directory)[1]
        environment = {**os.environ, "METER": name}
        meter = subprocess.Popen(
            [bench.meter, "run", *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
        assert meter.stdout is not None
        expected, wrong = dict.fromkeys((f"a{n}".encode() for n in range(writers)), 0), 0
        tail = b" " + b"0" * 188 + b"\n"
        for line in meter.stdout:
            name_of, _, rest = line.partition(b": ")
            if len(rest) != 200 or rest[10:] != tail or int(rest[:10]) != expected[name_of]:
                wrong += 1
            expected[name_of] = int(rest[:10]) + 1 if len(rest) == 200 else expected[name_of]
        meter.wait()
    return wrong + sum(abs(each * 5000 - count) for count in expected.values())


def control(bench: Bench, sessions: int = 1000, hostile: int = 200) -> tuple[Values, Values]:
    """Load the control socket while the meter makes orphans.

    1,000 commands come one after the other. 200 clients stall or send garbage at the same time.

    Returns two values of pidone. The first is the longest ms between two reaps, in which an ended
    child may have waited. The second is the USS in kB afterwards, with the record full. Raises
    RuntimeError if the storm was over before the sessions.
    """
    sessions, orphans = max(50, int(sessions * bench.scale)), max(5000, int(100000 * bench.scale))
    with tempfile.TemporaryDirectory(dir=bench.directory) as directory:
        path, file = Path(directory) / "c.sock", Path(directory) / "pidone.toml"
        command = bench.peers.group["pidone"](Path(directory), 1, [bench.meter, "hold"])
        storm = '[[process]]\nname = "storm"\nrole = "sidecar"\nrestart = "never"\n'
        storm += f'command = ["{bench.meter}", "orphans", "{100 * orphans}"]\n'  # stopped when enough are made
        file.write_text(f'[group]\ncontrol = "{path}"\n{storm}{file.read_text()}')
        with bench.running(command) as run:
            run.wait("now")
            stalling = [client(path, text) for text in (b"", b"{", b"nonsense\n", b"\0" * 99) * (hostile // 4)]
            for _ in range(sessions):
                ask(path, {"do": "signal", "name": "a0", "signal": "CHLD"})
            if run.lines("orphans"):
                raise RuntimeError("the storm was over before the sessions were")
            for one in stalling:
                one.close()
            while ask(path, {"do": "status"})["status"]["orphans"] < orphans:
                time.sleep(0.1)
            ask(path, {"do": "stop", "name": "storm"})
            while len(ask(path, {"do": "report"})["report"]["events"]) < RINGS[0][0] + RINGS[1][0]:
                for _ in range(10):  # a restart causes events in both of these rings
                    ask(path, {"do": "restart", "name": "a0"})
            longest = ask(path, {"do": "status"})["status"]["longest_wait"]
            settle(run.pid)
            return {"pidone": longest * 1000}, {"pidone": uss(run.pid)}


def client(path: Path, text: bytes) -> socket.socket:
    one = socket.socket(socket.AF_UNIX)
    one.setblocking(False)
    with contextlib.suppress(OSError):  # the socket's queue may be full, which is hostile as well
        one.connect(str(path))
        one.send(text)
    return one


def ask(path: Path, request: dict[str, str]) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as line:  # it blocks, and so waits in the queue
        line.connect(str(path))
        line.sendall(json.dumps(request).encode() + b"\n")
        data = b""
        while part := line.recv(1 << 16):
            data += part
    return dict(json.loads(data.splitlines()[-1]))


def cpu_ms(pid: int) -> float:
    """Return the milliseconds of a process on a processor so far (proc(5), schedstat)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6


@contextlib.contextmanager
def http_server() -> Iterator[int]:
    """Yield the port of a server that answers 200 to every GET."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket.listen(1024)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def contained() -> Iterator[bool]:
    """Put this process into a cpu cgroup of its own, as an engine does. Yields whether that works.

    Outside of such a cgroup the kernel groups tasks by session (sched(7), autogroup). An init that
    gives its app a session then seems slower at passing on signals than it is in a container.
    """
    for top in (Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")):
        ours = top / f"pidone-bench-{os.getpid()}"
        try:
            ours.mkdir(exist_ok=True)
            if not (ours / "cpu.shares").exists() and not (ours / "cpu.weight").exists():
                ours.rmdir()
                continue
            (ours / "cgroup.procs").write_text(str(os.getpid()))
        except OSError:
            continue
        try:
            yield True
        finally:
            (top / "cgroup.procs").write_text(str(os.getpid()))
            ours.rmdir()
        return
    yield False


def compile_meter(directory: Path) -> None:
    source = Path(__file__).with_name("meter.c")
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise SystemExit("benchmarks: there is no C compiler; install gcc")
    subprocess.run([compiler, "-O2", "-Wall", "-static", "-o", str(directory / "meter"), str(source)], check=True)
