"""The group file: the place of each key, the values that it may have, and the plan that results."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pidone import readers
from pidone.config import memory
from pidone.config.check import PROCESS, check
from pidone.config.parse import parse
from pidone.config.read import ConfigError
from pidone.init import plan
from pidone.init.slots import Plan, Process
from pidone.oom import count_oom_kills


def lines(text: str) -> dict[tuple[Any, ...], int]:
    return parse(text.encode())[1]


def test_every_key_has_its_line_in_any_notation() -> None:
    text = """\
# a comment with [brackets] and = signs
[group]
name = "x"   # [not.a.table]

[[process]]
name = 'one'
command = [
  "a = b",  # inner = comment
  "]]", '''
[[process]]
''', \"\"\"
x = 1
\\\"\"\"\"\"\"
]
env = { A = "1", "B c" = "2" }
[[process]]
"name" = "two"
requests.memory = "1Mi"
  [signals]
  SIGHUP = []
"""
    found = lines(text)
    wanted = {
        ("group",): 2, ("group", "name"): 3, ("process", 0): 5, ("process", 0, "name"): 6, ("process", 0, "command"): 7,
        ("process", 0, "env"): 15, ("process", 1): 16, ("process", 1, "name"): 17, ("process", 1, "requests"): 18,
        ("process", 1, "requests", "memory"): 18, ("signals",): 19, ("signals", "SIGHUP"): 20,
    }  # fmt: skip
    assert {path: found.get(path) for path in wanted} == wanted
    assert ("x",) not in found and ("process", 2) not in found


@settings(max_examples=300)
@given(st.text(alphabet="[]{}=\"'#\n.a \\,1", max_size=40))
def test_each_top_key_of_a_toml_file_has_a_line(text: str) -> None:
    try:
        document, found = parse(text.encode())
    except ConfigError as wrong:
        assert len(wrong.errors) == 1
        return
    for key in document:
        assert (key,) in found or any(path[0] == key for path in found), (text, key, found)


@given(st.dictionaries(st.sampled_from([*PROCESS, "log", "nosuch"]), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=5,
)))  # fmt: skip
def test_no_value_of_any_key_crashes_the_checker(table: dict[str, Any]) -> None:
    with contextlib.suppress(ConfigError):
        check({"process": [table]}, {})


@given(st.dictionaries(st.text(max_size=8), st.integers() | st.lists(st.integers(), max_size=2)))
def test_odd_tables_do_not_crash_the_checker(document: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        check(document, {})


@pytest.mark.parametrize("key", ["group", "volume", "process", "signals"])
@pytest.mark.parametrize("value", [1, "x", [], [1], {}, {"a": 1}, None])
def test_a_table_of_the_wrong_kind_does_not_crash_the_checker(key: str, value: Any) -> None:
    with pytest.raises(ConfigError):
        check({key: value}, {})


GOOD_VALUES = {
    "command": ["x"], "env": {"A": "b"}, "env_file": "f", "cwd": "/", "user": "u:g", "groups": ["a", 5], "umask": "022",
    "nice": -20, "rlimits": {"nofile": "unlimited", "core": 0}, "oom_score_adj": -1000, "stop_signal": "USR1",
    "requests": {"memory": "1.5GiB"}, "name": "a-1", "role": "primary", "shell": "x | y", "pause": True,
    "home": True, "after": [], "replicas": 2, "restart": "always", "restart_rules": [{"in": [42]}],
    "backoff": {"initial": "1s"}, "max_restarts": 0, "restart_with": ["a"], "essential": True, "daemonizes": True,
    "pid_file": "/run/a.pid", "leftovers": "keep", "grace": "1s", "termination_message": "/run/why",
    "startup": {"tcp": 80}, "readiness": {"fd": 3}, "liveness": {"exec": ["true"], "period": "5s"},
    "ports": {"web": 80}, "post_start": {"sleep": "1s"}, "pre_stop": {"http": "http://:80", "headers": {"A": "b"}},
    "log": {"file": "/var/log/a", "keep": 3},
}  # fmt: skip
BAD_VALUES: dict[str, list[Any]] = {
    "command": [[], "x", [1], ["a\0"], [""], None],
    "env": [{"A": 1}, {"": "x"}, {"A=": "x"}, {"A": "\0"}, []],
    "env_file": ["", 1], "cwd": ["rel", "", 1], "user": ["", "a b", "a:b:c", -1, True, ":g"], "groups": ["a", [""]],
    "umask": [18, "9", "22222", "0o9"], "nice": [20, -21, "5", True, 1.0],
    "rlimits": [{"nosuch": 1}, {"nofile": "x"}, {"nofile": "9:8"}, {"nofile": True}, 5, {"nofile": -1}],
    "oom_score_adj": [1001, "x"], "stop_signal": ["NOPE", 15, ""], "name": ["", "A", "a_b", "-a", "a" * 64, 1],
    "requests": [{"memory": "x"}, {"cpu": "1"}, {"memory": -1}, "1Gi", {"memory": True}, {"memory": 1.5}],
    "role": ["Primary", 1, ""], "shell": ["", 1, "\0"], "pause": [False, 1, "yes"],
    "home": [1, "yes", "/root"], "after": ["a", [1]], "replicas": [0, "2", 10001], "restart": ["yes", 1],
    "restart_rules": [[], {}, [{"in": []}], [{"in": [1], "not_in": [2]}], [{"in": [256]}]],
    "backoff": [{"initial": 1}, {"first": "1s"}, "1s"], "max_restarts": [-1, "5"], "restart_with": [[], "a"],
    "essential": [1], "daemonizes": ["yes"], "pid_file": ["rel"], "leftovers": ["stay", True], "grace": [5, "soon"],
    "termination_message": ["rel"], "startup": [{}, {"tcp": 80, "exec": ["x"]}, {"http": "x"}, {"tcp": 8, "x": 1}],
    "readiness": [{"fd": 2}, {"tcp": 80, "grace": "1s"}], "liveness": [{"fd": 3}, {"notify": False}, {"grpc": "x"}],
    "ports": [{"8": 80}, {"web": 0}, []], "post_start": [{"tcp": 80}, {"sleep": 1}], "pre_stop": [{"exec": "x"}, "x"],
    "log": ["x", {"mode": "prefix", "file": "/a"}, {"file": "a"}, {"mode": "json", "time": True}],
}  # fmt: skip


def test_a_wrong_value_of_a_table_s_key_has_its_own_line() -> None:
    text = '[[process]]\nname = "a"\nrole = "primary"\ncommand = ["x"]\n[process.startup]\ntcp = 80\nperiod = 5\n'
    with pytest.raises(ConfigError) as wrong:
        check(*parse(text.encode()))
    assert [line for line, _ in wrong.value.errors] == [7]


def test_there_are_examples_for_every_key() -> None:
    assert set(GOOD_VALUES) == set(BAD_VALUES) == set(PROCESS), "give each key a right and some wrong values above"


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, values in BAD_VALUES.items() for v in values])
def test_a_wrong_value_says_what_would_be_right(key: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"\w+"):
        PROCESS[key](value)


@pytest.mark.parametrize("key", GOOD_VALUES)
def test_a_right_value_is_taken(key: str) -> None:
    PROCESS[key](GOOD_VALUES[key])


@pytest.mark.parametrize(
    ("text", "amount"),
    [("512MiB", 512 << 20), ("1.5GiB", 3 << 29), ("1Gi", 1 << 30), ("500M", 500_000_000), ("1GB", 10**9), (4096, 4096),
     ("64k", 64000), ("1Ki", 1024)],
)  # fmt: skip
def test_amounts_of_memory(text: Any, amount: int) -> None:
    assert readers.memory(text) == amount


def entry(name: str, role: int, amount: int) -> dict[str, Any]:
    return {"name": name, "role": role, "requests": amount}


def test_only_memory_requested_at_the_same_time_is_added_up() -> None:
    """An init step ends before the primary starts: the larger of the two counts, not the sum."""
    group = [entry("s", plan.SIDECAR, 10), entry("i", plan.INIT, 100), entry("p", plan.PRIMARY, 50)]
    assert memory.peak(group) == (110, [("s", 10), ("i", 100)])
    group[1]["requests"] = 20
    assert memory.peak(group) == (60, [("s", 10), ("p", 50)])
    assert memory.peak([entry("p", plan.PRIMARY, 0)]) == (0, [])


class TestCgroups:
    """Both versions, with a /proc and a hierarchy made for the test. Other tiers use the real
    ones.
    """

    def tree(self, tmp_path: Path, cgroup: str, mount: str, files: dict[str, str]) -> str:
        for name, text in files.items():
            file = tmp_path / "fs" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        proc = tmp_path / "proc"
        proc.mkdir()
        (proc / "cgroup").write_text(cgroup)
        (proc / "mountinfo").write_text(mount.replace("TOP", str(tmp_path / "fs")))
        return str(proc)

    V1 = "30 25 0:26 {root} TOP rw,nosuid - cgroup cgroup rw,memory\n"
    V2 = "30 25 0:26 {root} TOP rw,nosuid - cgroup2 cgroup2 rw\n"

    def test_v1_on_the_host(self, tmp_path: Path) -> None:
        files = {
            "memory.limit_in_bytes": str(1 << 63),
            "a/memory.limit_in_bytes": "700",
            "a/b/memory.limit_in_bytes": "900",
        }
        assert memory.limit(self.tree(tmp_path, "4:memory:/a/b\n3:cpu:/\n", self.V1.format(root="/"), files)) == 700

    def test_v1_in_a_container_that_sees_its_own_cgroup_as_the_root(self, tmp_path: Path) -> None:
        files = {"memory.limit_in_bytes": "1342177280"}
        proc = self.tree(tmp_path, "4:memory:/docker/abc\n", self.V1.format(root="/docker/abc"), files)
        assert memory.limit(proc) == 1342177280

    def test_v1_without_a_limit(self, tmp_path: Path) -> None:
        files = {"memory.limit_in_bytes": "9223372036854771712"}
        assert memory.limit(self.tree(tmp_path, "4:memory:/\n", self.V1.format(root="/"), files)) is None

    def test_v2_the_tightest_of_all_above(self, tmp_path: Path) -> None:
        files = {"a/memory.max": "500\n", "a/b/memory.max": "max\n"}
        assert memory.limit(self.tree(tmp_path, "0::/a/b\n", self.V2.format(root="/"), files)) == 500

    def test_v2_in_a_cgroup_namespace(self, tmp_path: Path) -> None:
        proc = self.tree(tmp_path, "0::/\n", self.V2.format(root="/"), {"memory.max": "268435456\n"})
        assert memory.limit(proc) == 268435456

    def test_v1_counts_oom_kills_and_the_peak(self, tmp_path: Path) -> None:
        files = {
            "a/memory.limit_in_bytes": "1000", "a/memory.max_usage_in_bytes": "990\n",
            "a/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
        }  # fmt: skip
        proc = self.tree(tmp_path, "4:memory:/a\n", self.V1.format(root="/"), files)
        assert count_oom_kills(memory.oom_kill_counter(proc)) == 3 and memory.most_used(proc) == 990

    def test_v2_counts_oom_kills_and_the_peak(self, tmp_path: Path) -> None:
        files = {
            "a/memory.max": "1000\n", "a/memory.peak": "980\n",
            "a/memory.events": "low 0\nhigh 0\nmax 7\noom 2\noom_kill 2\noom_group_kill 0\n",
        }  # fmt: skip
        proc = self.tree(tmp_path, "0::/a\n", self.V2.format(root="/"), files)
        assert count_oom_kills(memory.oom_kill_counter(proc)) == 2 and memory.most_used(proc) == 980

    def test_v2_before_it_had_a_peak(self, tmp_path: Path) -> None:
        files = {"memory.max": "1000\n", "memory.events": "oom_kill 0\n"}
        proc = self.tree(tmp_path, "0::/\n", self.V2.format(root="/"), files)
        assert count_oom_kills(memory.oom_kill_counter(proc)) == 0 and memory.most_used(proc) is None

    def test_without_a_visible_hierarchy_nothing_is_counted(self, tmp_path: Path) -> None:
        proc = self.tree(tmp_path, "0::/a\n", "", {})
        assert memory.oom_kill_counter(proc) is None and memory.most_used(proc) is None
        assert count_oom_kills(None) == count_oom_kills(b"/nonexistent") == 0

    def test_an_invisible_hierarchy_gives_no_limit(self, tmp_path: Path) -> None:
        assert memory.limit(self.tree(tmp_path, "0::/a\n", "", {})) is None
        assert memory.limit(str(tmp_path / "nowhere")) is None


def test_a_plan_survives_its_packing() -> None:
    process = Process(
        "a", plan.PRIMARY, [b"x", b"\xff"], ((b"A", b"1"),), cwd=b"/", user=(1, 2, (3,)), umask=0o22, nice=5,
        rlimits=((7, 1, 2),), oom_score_adj=9, stop_signal=3,
    )  # fmt: skip
    before = Plan([process], 3.5, (15, 37), {1: ((0,), 10)})
    after = plan.unpack(plan.pack(before))
    assert [getattr(after.processes[0], s) for s in Process.__slots__] == [
        getattr(process, s) for s in Process.__slots__
    ]
    assert (after.grace, after.stop_signals, after.routes) == (3.5, (15, 37), {1: ((0,), 10)})


@pytest.mark.parametrize("data", [b"", b"junk", b"N", plan.pack(plan.single([b"x"]))[:-5]])
def test_a_broken_plan_is_an_error_that_unpack_names(data: bytes) -> None:
    with pytest.raises((ValueError, EOFError, TypeError)):
        plan.unpack(data)
