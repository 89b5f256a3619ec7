"""The command line of pidone, and the syntax of signals and durations in it."""

from __future__ import annotations

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pidone.init import arguments, signals


def test_the_three_ways_to_call_it() -> None:
    single = arguments.read(["--", "nginx", "-g", "daemon off;"])
    assert (single.command, single.config) == ([b"nginx", b"-g", b"daemon off;"], None)
    group = arguments.read(["-c", "/g.toml"])
    assert (group.command, group.config) == ([], b"/g.toml")
    both = arguments.read(["-c", "/g.toml", "serve", "-v"])
    assert (both.command, both.config, both.verbose) == ([b"serve", b"-v"], b"/g.toml", False)


@pytest.mark.parametrize(
    "words",
    [
        ["-g", "-v", "-t", "5s", "-r", "TERM:QUIT", "-e", "143", "x"],
        ["-gv", "-t5s", "-rTERM:QUIT", "-e143", "x"],
        ["-gvt", "5s", "--rewrite=TERM:QUIT", "--remap", "143", "--", "x"],
        ["--group", "--verbose", "--grace", "5s", "-r", "15:3", "-e", "143", "--", "x"],
    ],
)
def test_every_spelling_of_an_option_means_the_same(words: list[str]) -> None:
    got = arguments.read(words)
    assert (got.process_group, got.verbose, got.grace, got.rewrites, got.remap) == (True, True, 5.0, {15: 3}, [143])
    assert got.command == [b"x"]


@given(st.lists(st.text(max_size=6), max_size=6))
def test_any_arguments_are_a_command_line_or_a_usage_error(words: list[str]) -> None:
    try:
        got = arguments.read(words)
    except arguments.UsageError as error:
        assert str(error) and "\n" not in str(error).replace("\n", "", "".join(words).count("\n"))
    else:
        assert got.command or got.config is not None


@given(st.sampled_from(sorted(signals.ALL)))
def test_a_signal_s_name_is_read_as_its_number(number: int) -> None:
    name = signals.name(number)
    name = name.rpartition(" ")[2]  # "signal 16": before Python 3.11 some numbers have no name
    assert signals.number(name) == number
    assert signals.number(name.lower()) == number
    assert signals.number(str(number)) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("TERM", 15), ("sigterm", 15), ("15", 15), ("RTMIN+3", 37), ("SIGRTMAX-1", 63), ("SIGCLD", 17), ("KILL", 9)],
)
def test_the_usual_spellings_of_signals(text: str, number: int) -> None:
    assert signals.number(text) == number


@pytest.mark.parametrize(
    "text", ["", "NOPE", "0", "65", "32", "33", "-1", "TERM+1", "RTMIN+31", "RTMIN+", "SIG", "½", "1.5"]
)
def test_an_unknown_signal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="unknown signal"):
        signals.number(text)


def test_all_holds_every_signal_that_can_be_blocked() -> None:
    assert set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP} == signals.ALL


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("8s", 8), ("5m", 300), ("1h", 3600), ("0", 0), ("1.5s", 1.5), ("3", 3)]
)
def test_durations(text: str, seconds: float) -> None:
    assert arguments.duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1s", "1 s", "1d", "inf", "nan", "1e3", "1.2.3s", "٣s", "."])
def test_a_wrong_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        arguments.duration(text)


@given(st.binary(max_size=40))
def test_a_path_in_a_message_never_breaks_the_line(path: bytes) -> None:
    shown = signals.show(path)
    assert shown and shown.isprintable()
