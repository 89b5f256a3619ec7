"""`./do generate`: write the files that follow from pidone's declarations.

pidone/config/keys.py makes the slots of PID 1 (pidone/init/slots.py, pidone/group/slots.py) and the
tables of docs/reference/file.md. pidone/probes/*.py make the tables of handlers there. A test
checks that the written files are up to date.

E1 and so on: docs/reference/edge-cases.md. S1 and so on: docs/reference/pod.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pidone import probes
from pidone.config import keys
from pidone.config.keys import REQUIRED, Slot
from pidone.init import plan
from scripts import schemas

ROOT = Path(__file__).resolve().parent.parent

#: The first slots, in order: name -> (slot, or None where a key declares it; what it holds). The
#: slots of all other keys follow them.
PROCESS_SLOTS: dict[str, tuple[Slot | None, str]] = {
    "name": (None, ""),
    "role": (None, "INIT, SIDECAR or PRIMARY of `plan`"),
    "argv": (Slot("list[bytes]"), "empty for one that only pauses"),
    "env": (Slot("tuple[tuple[bytes, bytes], ...]", ()), "put over the container's environment"),
    "user": (Slot("tuple[int, int, tuple[int, ...]] | None", None), "uid, gid, groups; None for PID 1's own"),
    "policy": (Slot("tuple[Any, ...] | None", None), "of `group.slots.ProcessPolicy`; None where all is as by default"),
    "to_look_up": (Slot("tuple[Any, ...] | None", None), "what its child looks up (config/lookup.py)"),
    "declared_env": (Slot("tuple[tuple[bytes, bytes], ...]", ()), "env of the file; `env` is the latest look-up's"),
    "probe_files": (Slot("tuple[bytes, ...]", ()), "what its child looks at for probes of a file"),
    "resolved": (Slot("bool", True), "is all of `to_look_up` resolved?"),
    "forked_at": (Slot("float", 0.0), "when PID 1 forked it (monotonic)"),
}

POLICY_SLOTS: dict[str, tuple[Slot | None, str]] = {
    "gate": (Slot("int"), "so many, from the list's head, must have started before it"),
    "after": (Slot("tuple[int, ...]", ()), "and these"),
}

PLAN_SLOTS: dict[str, tuple[Slot | None, str]] = {
    "processes": (Slot("list[Process]"), "in start order, the primary last (S3)"),
    "grace": (None, "seconds"),
    "stop_signals": (None, "none for a single command: each signal is the primary's"),
    "routes": (Slot("dict[int, tuple[tuple[int, ...], int]]", {}), "{number: (indices, number to send)}"),
    "minimum_grace": (Slot("float", plan.MINIMUM_GRACE), "seconds that a process signalled last still has"),
    "oom": (Slot("bytes | None", None), "the file that counts the memory's kills"),
    "notify": (Slot("tuple[tuple[int, bytes], ...]", ()), "((process index, its socket), ...)"),
    "control": (Slot("bytes | None", None), 'its socket; b"" for none, None for the first place that can be had'),
    "metrics": (Slot("tuple[str, int] | None", None), "host and port of their server"),
    "access": (Slot("tuple[tuple[str, ...], tuple[str, ...]]", ((), ())), "who may look, and who may steer"),
    "memory": (Slot("int", 0), "bytes that the container may use; 0 for no limit"),
    "rewrites": (Slot("dict[int, int]", {}), "{from: to}, 0 drops; this and the next two are the command line's"),
    "signal_process_groups": (Slot("bool", False), "signals go to process groups"),
    "remapped": (Slot("tuple[int, ...]", ()), "exit codes that become 0 (E39)"),
}

#: Where the numbers in comments are defined.
CITED = "\nE1 and so on: docs/reference/edge-cases.md. S1 and so on: docs/reference/pod.md.\n"

TEMPLATE = '''"""{title}

Written by `./do generate` from pidone/config/keys.py and scripts/generate.py: change it there.
{cited}"""

TYPE_CHECKING = False
if TYPE_CHECKING:
{typing}
'''


def of_class(name: str, doc: str, made: dict[str, tuple[Slot | None, str]], keyed: dict[str, Slot]) -> str:
    """Return the source of a class: its slots and its constructor.

    doc: the docstring of the class.
    made: the first slots, in order, as PROCESS_SLOTS has them.
    keyed: the slots of keys; those that are not in `made` follow it.
    """
    texts = {key: text for key, (_, text) in made.items()}
    slots: dict[str, Slot] = {**{key: slot or keyed[key] for key, (slot, _) in made.items()}, **keyed}
    lines = [f"class {name}:", f'    """{doc}"""', "", "    __slots__ = ("]
    lines += packed([f'"{key}"' for key in slots], "        ")
    lines += ["    )  # fmt: skip", "", "    def __init__(", "        self,"]
    for key, slot in slots.items():
        kind = slot.type + (" | None" if slot.default == {} else "")
        kind = kind if kind in ("str", "int", "float", "bool") else f'"{kind}"'
        default = "" if slot.default is REQUIRED else f" = {None if slot.default == {} else source(slot.default)}"
        text = f"  # {texts[key]}" if texts.get(key) else ""
        lines.append(f"        {key}: {kind}{default},{text}")
    lines.append("    ) -> None:")
    lines += ["        (", *packed([f"self.{key}" for key in slots], "            "), "        ) = ("]
    values = [f"{key} or {{}}" if slot.default == {} else key for key, slot in slots.items()]
    lines += [*packed(values, "            "), "        )  # fmt: skip"]
    return "\n".join(lines) + "\n"


def packed(items: list[str], indent: str) -> list[str]:
    """Return lines with as many items on each as fit."""
    lines = [""]
    for item in items:
        if len(indent) + len(lines[-1]) + len(item) > 118:
            lines.append("")
        lines[-1] += f" {item},"
    return [indent + line[1:] for line in lines]


def source(value: Any) -> str:
    return '""' if value == "" else repr(value)


def of_init() -> str:
    """Return the text of pidone/init/slots.py."""
    title = "The plan as plain data: the slots of a process and of a plan."
    process, group = keys.slots(keys.PROCESS), keys.slots(keys.GROUP)
    return "\n\n".join((
        TEMPLATE.format(title=title, typing="    from typing import Any", cited=CITED),
        of_class("Process", "One declared process.", PROCESS_SLOTS, process),
        of_class("Plan", "A group, or a single command.", PLAN_SLOTS, group),
    ))  # fmt: skip


def of_group() -> str:
    """Return the text of pidone/group/slots.py."""
    typing = "    from pidone.group.policy import HookSpec, LogSpec, ProbeSpec, Rule"
    head = TEMPLATE.format(
        title="What a group does for one process beyond starting it, as plain data.", typing=typing, cited=""
    )
    policy = of_class(
        "ProcessPolicy", "The keys of a process that the group looks at.", POLICY_SLOTS, keys.slots(keys.OF_POLICY)
    )
    return "\n\n".join([head, policy])


def rows(head: tuple[str, ...], found: Sequence[tuple[str, ...]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in [head, ("---",) * len(head), *found])


def of_keys(table: tuple[keys.Key, ...]) -> list[tuple[str, ...]]:
    return [(f"`{key.name}`", key.doc, key.default) for key in table]


def of_file(text: str) -> str:
    """Return the text of docs/reference/file.md, its tables replaced.

    A table stands between `<!-- table NAME -->` and `<!-- end -->`.
    """
    names = ("GROUP", "VOLUME", "PROCESS", "RESTARTS", "PROBES", "HOOKS", "OUTPUT", "METRICS")
    made = {name.lower(): rows(("key", "value", "default"), of_keys(getattr(keys, name))) for name in names}
    asking = [(f"`{file.EXAMPLE}`", file.DOC) for file in map(probes.handler, probes.PROBE_HANDLERS)]
    doing = [
        (f"`{file.EXAMPLE}`", getattr(file, "HOOK_DOC", file.DOC)) for file in map(probes.handler, probes.HOOK_HANDLERS)
    ]
    made["handlers"] = rows(("handler", "success"), asking)
    made["of hooks"] = rows(("handler", "success"), doing)
    for name, table in made.items():
        before, mark, rest = text.partition(f"<!-- table {name} -->\n")
        assert mark, name
        text = before + mark + table + rest[rest.index("<!-- end -->") :]
    return text


#: {file: a function from its text to what it should be}
FILES: dict[Path, Callable[[str], str]] = {
    ROOT / "pidone" / "init" / "slots.py": lambda _: of_init(),
    ROOT / "pidone" / "group" / "slots.py": lambda _: of_group(),
    ROOT / "docs" / "reference" / "file.md": of_file,
    ROOT / "docs" / "reference" / "report.schema.json": lambda _: schemas.text(schemas.report()),
    ROOT / "docs" / "reference" / "control.schema.json": lambda _: schemas.text(schemas.control()),
}

if __name__ == "__main__":
    for path, made in FILES.items():
        path.write_text(made(path.read_text() if path.exists() else ""))
