"""The compat profiles: decisions on every order of events, and the command lines of the table."""

from __future__ import annotations

import itertools

import pytest

from pidone.compat import options, show
from pidone.compat.machine import CompatMachine
from pidone.compat.pause import Pause
from pidone.compat.table import CATATONIT, DUMB_INIT, PROFILES, SIGSTOP, TINI, TSTP, Profile
from pidone.init import events, plan
from pidone.init.machine import OVER

EVENTS = [
    (events.BEGIN,), (events.EXECED, 0), (events.FAILED, 0, 126, "why"), (events.EXITED, 0, 3, 0, False),
    (events.EXITED, 0, 0, 9, False), (events.SUSPENDED, 0), (events.SIGNAL, 15), (events.SIGNAL, TSTP),
    (events.SIGNAL, 17), (events.DEADLINE,), (events.ALONE,),
]  # fmt: skip

WORDS = {"tini": ["true"], "dumb-init": ["-r", "15:3", "true"], "catatonit": ["-g", "true"]}


def machine(profile: Profile, words: list[str]) -> CompatMachine:
    wanted = options.read(profile, words, {})
    made = plan.single(wanted.command)
    made.rewrites = dict(wanted.rewrites)
    return CompatMachine(made, profile, wanted)


@pytest.mark.parametrize("profile", [TINI, DUMB_INIT, CATATONIT], ids=lambda profile: profile.name)
def test_any_order_of_events_ends_it_once_and_signals_only_the_app(profile: Profile) -> None:
    for order in itertools.product(EVENTS, repeat=4):
        group = machine(profile, WORDS[profile.name])
        actions = []
        begun = ended = False
        for number, event in enumerate(order):
            taken = group.take(event, float(number))
            kinds = [action[0] for action in taken]
            assert events.SWEEP not in kinds and group.deadline is None
            if events.KILL in kinds:
                assert begun and not ended, order
            begun = begun or events.SPAWN in kinds
            ended = ended or events.EXIT in kinds
            actions += kinds
        assert actions.count(events.SPAWN) == (events.BEGIN in [event[0] for event in order]), order
        assert actions.count(events.EXIT) <= 1 and ended == (group.phase == OVER), order


def test_dumb_init_rewrites_its_final_signal_and_suspends_on_tstp() -> None:
    group = machine(DUMB_INIT, ["-r", "15:3", "true"])
    group.take((events.BEGIN,), 0.0)
    assert group.take((events.SIGNAL, TSTP), 0.0) == [(events.KILL, 0, SIGSTOP, False), (events.SUSPEND,)]
    assert group.take((events.EXITED, 0, 4, 0, False), 0.0) == [
        (events.KILL, 0, 3, False), (events.EXIT, 4, False),
    ]  # fmt: skip


def test_a_pause_ends_at_two_signals_and_at_nothing_else() -> None:
    for order in itertools.product(EVENTS, repeat=3):
        group = Pause()
        actions = [action for event in order for action in group.take(event, 0.0)]
        assert actions == ([(events.EXIT, 0, False)] if (events.SIGNAL, 15) in order else []), order


def test_every_letter_of_the_table_is_a_field_and_in_its_usage() -> None:
    for profile in PROFILES.values():
        text = show.usage(profile)
        for letter, (field, value, _) in profile.options.items():
            assert field in (*options.IMMEDIATE, *options.Options.__slots__) and f"-{letter}" in text
            assert value is None or field in options.VALUES
        for variable, field, _, _ in profile.environment:
            assert field in options.Options.__slots__ and variable in text


@pytest.mark.parametrize("profile", [TINI, DUMB_INIT, CATATONIT], ids=lambda profile: profile.name)
def test_a_wrong_command_line_causes_only_a_usage_error(profile: Profile) -> None:
    """Try all command lines of three of these words."""
    letters = [f"-{letter}" for letter in (*profile.options, "Z")]
    words = [*letters, "-", "--", "---", "--version", "--x=1", "-ve", "prog", "", "3", "15:3", "SIGTERM", "\udcff"]
    for line in itertools.product(words, repeat=3):
        try:
            found = options.read(profile, list(line), {b"TINI_VERBOSITY": b"x", b"DUMB_INIT_SETSID": b"\xff"})
        except options.UsageError as misuse:
            assert str(misuse)
        else:
            assert found.instead or found.command or found.pause, line
