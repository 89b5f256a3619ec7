"""Is a process started again, and when: policy, rules, back-off (S54-S63)."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.group.slots import Care

from pidone.group.policy import ALWAYS, NEVER, ON_FAILURE


def rule_for(care: "Care", code: int, number: int) -> "int | None":
    """What the first rule that matches the exit code says; None where none does (S56)."""
    status = 128 + number if number else code
    for codes, all_but, action in care.restart_rules:
        if (status in codes) != all_but:
            return action
    return None


def wanted(care: "Care", failed: bool, killed_by_probe: bool) -> bool:
    """By policy. After a probe's kill the policy counts, not the exit code (S58)."""
    if killed_by_probe:
        return care.restart != NEVER
    return care.restart == ALWAYS or (care.restart == ON_FAILURE and failed)


def delay(care: "Care", level: int) -> float:
    """Seconds from the end to the next start: none, initial, twice that ... most (S59)."""
    initial, most, _ = care.backoff
    if level == 0:
        return 0.0
    return float(min(most, initial * 2.0 ** min(level - 1, 60)))


def level_after(care: "Care", level: int, ran: float) -> int:
    """The count that a run of so many seconds leaves: a long one clears it (S62)."""
    return 0 if ran > care.backoff[2] else level
