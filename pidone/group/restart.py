"""Whether and when a process starts again: policy, rules, back-off (S54-S63).

S1 and so on: docs/reference/pod.md.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.group.slots import ProcessPolicy

from pidone.group.policy import ALWAYS, NEVER, ON_FAILURE


def rule_for(policy: "ProcessPolicy", code: int, number: int) -> "int | None":
    """Return the action of the first rule that matches the exit code, or None (S56)."""
    status = 128 + number if number else code
    for codes, all_but, action in policy.restart_rules:
        if (status in codes) != all_but:
            return action
    return None


def restarts(policy: "ProcessPolicy", failed: bool, killed_by_probe: bool) -> bool:
    """Return whether the policy restarts it. After a probe's kill the code does not count (S58)."""
    if killed_by_probe:
        return policy.restart != NEVER
    return policy.restart == ALWAYS or (policy.restart == ON_FAILURE and failed)


def delay(policy: "ProcessPolicy", level: int) -> float:
    """Return the seconds from the end to the next start: 0, initial, twice that ... most (S59)."""
    initial, most, _ = policy.backoff
    if level == 0:
        return 0.0
    return float(min(most, initial * 2.0 ** min(level - 1, 60)))


def level_after(policy: "ProcessPolicy", level: int, ran: float) -> int:
    """Return the back-off level after a run of `ran` seconds: a long run clears it (S62)."""
    return 0 if ran > policy.backoff[2] else level
