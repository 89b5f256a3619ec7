"""The reload of a changed file: pidone replaces what has changed, and all other processes run on.

Theory. Processes are matched by name. A process whose declaration is the same, except for its
place, is kept, and so is its id. The others are to be removed. They stop as in a stop of the group:
a sidecar stops when those of them that had waited for it have ended. Their leftovers end, too. Then
the new plan takes over in one moment. A new or changed process gets a new id and starts in its
turn, even an init step. A stop or a restart of all that begins before that calls the reload off.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pidone.group.group import Group
    from pidone.group.process import Process
    from pidone.init.slots import Plan

from pidone.group import ending, services
from pidone.group.policy import policy_of
from pidone.group.slots import ProcessPolicy
from pidone.group.states import COMMANDED
from pidone.init.events import GROUP, RECORD, TAKE_OVER
from pidone.init.machine import RUN, START
from pidone.init.slots import Process as Declared


class Reloading:
    """A reload in progress.

    plan: the new plan, which will take over.
    kept: {name: process} of the processes that stay.
    to_be_removed: the ids of the processes that go.
    """

    __slots__ = ("kept", "to_be_removed", "plan")

    def __init__(self, plan: "Plan", kept: "dict[str, Process]", to_be_removed: "frozenset[int]") -> None:
        self.plan = plan
        self.kept = kept
        self.to_be_removed = to_be_removed


def begin(group: "Group", now: float, plan: "Plan") -> None:
    if group.phase not in (START, RUN) or group.reloading is not None:
        group.do(RECORD, GROUP, "not reloaded")
        return
    kept = those_kept(group, plan)
    ids = {process.id for process in kept.values()}
    to_be_removed = [member for member in group.members if member.id not in ids]
    group.reloading = Reloading(plan, kept, frozenset([member.id for member in to_be_removed]))
    for member in to_be_removed:
        member.cancel("restart")
        member.again = False
    go_on(group, now)


def those_kept(group: "Group", plan: "Plan") -> "dict[str, Process]":
    """Return {name: process} of the processes that stay.

    A process stays only if all that it restarts with stay. They come before it in the plan.
    """
    before = {member.declared.name: member for member in group.members}
    kept: "dict[str, Process]" = {}
    for place, declared in enumerate(plan.processes):
        process = before.get(declared.name)
        partners = [plan.processes[partner].name for partner in policy_of(place, declared).restart_with]
        if process is not None and same(process.declared, declared) and all(name in kept for name in partners):
            kept[declared.name] = process
    return kept


def call_off(group: "Group") -> None:
    group.reloading = None
    group.timers.pop("take over", None)
    group.do(RECORD, GROUP, "not reloaded")


def go_on(group: "Group", now: float) -> None:
    """Stop each process to be removed whose turn it is.

    When all of them and their leftovers have ended, the new plan takes over.
    """
    to_be_removed = [member for member in group.members if group.is_to_be_removed(member)]
    alive = [member.place for member in to_be_removed if member.alive]
    for place in group.order.free(alive):
        member = group.members[place]
        member.stop(now, COMMANDED, member.own_grace)
    if not alive and not any(member.helpers for member in to_be_removed):
        group.timers["take over"] = now  # as an event of its own: the current event still belongs to the old plan


def take_over(group: "Group", now: float) -> None:
    coming, listened = group.reloading, group.plan.notify
    to_be_removed = [member for member in group.members if group.is_to_be_removed(member)]
    if coming is None or any(member.alive or member.helpers for member in to_be_removed):
        return
    group.reloading = None
    group.plan = coming.plan
    group.host.take_plan(coming.plan)
    for member in to_be_removed:
        member.no_timers()
    group.members = [
        stay(coming.kept[declared.name], place, declared) if declared.name in coming.kept else group.new_process(place)
        for place, declared in enumerate(coming.plan.processes)
    ]
    group.know_members()
    group.held = [(id, number) for id, number in group.held if id in group.by_id]
    group.do(TAKE_OVER, {member.id: (member.declared.name, member.role) for member in to_be_removed})
    if not {name for _, name in group.plan.notify} <= {name for _, name in listened}:
        services.replace_listener(group, now, bool(listened))
    go_on_starting(group, now)


def stay(process: "Process", place: int, declared: "Declared") -> "Process":
    """Keep the process and what its instance was started with, at its place in the new plan.

    Its policy is the new plan's, too, because other processes may come before it now.
    """
    process.place = place
    process.policy = policy_of(place, declared)
    return process


def go_on_starting(group: "Group", now: float) -> None:
    group.order.resume()
    group.phase = RUN if group.order.complete else START
    group.timers.pop("start timeout", None)
    if group.plan.start_timeout is not None and group.phase == START:
        group.timers["start timeout"] = now + group.plan.start_timeout
    for member in group.members:
        if ending.waits_to_restart(member):
            member.set_timer("restart", now)  # the process that it waited for may be removed, or no partner any more
    group.do(RECORD, GROUP, "reloaded")
    group.advance(now)


def same(one: "Declared", other: "Declared") -> bool:
    """Return whether both declare the same process, wherever they stand in the file."""
    if any(
        getattr(one, slot) != getattr(other, slot)
        for slot in Declared.__slots__
        if slot not in ("policy", "env", "user", "resolved", "forked_at")
    ):
        return False
    if other.resolved and one.resolved and (one.env, one.user) != (other.env, other.user):
        return False  # its user or the content of its env_file has changed
    mine, its = policy_of(0, one), policy_of(0, other)
    places = ("gate", "after", "restart_with")  # these hold places, which are others in another plan
    return all(getattr(mine, slot) == getattr(its, slot) for slot in ProcessPolicy.__slots__ if slot not in places)
