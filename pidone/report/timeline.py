"""The document -> a picture (SVG): a lane for each process, from its first fork to its last end.

A pale bar is running, a full bar is started, and the line below it is ready. A gap is a back-off. A
flag is an end: green for exit code 0, red for any other end, with the code or signal next to it.
Ticks above the lanes are signals that PID 1 received. Marks on a lane are signals that pidone sent,
and probes that failed or changed the readiness. Bars, flags and marks have titles, which a browser
shows under the pointer.
"""

from __future__ import annotations

from html import escape
from typing import Any

from pidone.report.events import sentence

Document = dict[str, Any]

WIDTH, LEFT, RIGHT, TOP, LANE = 1000, 130, 90, 46, 30

STYLE = """
text{font:12px system-ui,sans-serif;fill:#1c2833}.dim{fill:#707b7c}.axis{stroke:#d5d8dc}
.run{fill:#d4e6f1}.on{fill:#5499c7}.ready{fill:#1b4f72}.good{fill:#1e8449}.bad{fill:#c0392b}.stop{fill:#f2d7d5}
.sig{stroke:#b9770e;stroke-width:1.5}.sent{fill:#b9770e}.probe{fill:#8e44ad}
"""


def draw(document: Document) -> str:
    """Return one self-contained SVG document."""
    names = [process["name"] for process in document["processes"]]
    lived = max(document["uptime"], *(event["at"] for event in document["events"]), 0.001)
    scale = (WIDTH - LEFT - RIGHT) / lived
    height = TOP + LANE * len(names) + 34
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="life of {escape(document["group"], True)}"><style>{STYLE}</style>'
    ]
    parts += axis(lived, scale, height)
    parts += stop_band(document, scale, height, lived)
    for place, process in enumerate(document["processes"]):
        parts += lane(process, TOP + LANE * place, scale, lived)
    parts += marks(document, names, scale)
    return "\n".join([*parts, "</svg>"])


def x(at: float, scale: float) -> str:
    return f"{LEFT + at * scale:.1f}"


def axis(lived: float, scale: float, height: int) -> list[str]:
    step = next_step(lived / 8)
    parts = []
    for number in range(int(lived / step) + 1):
        at = x(number * step, scale)
        text = f"{number * step:g}"
        parts.append(f'<line class="axis" x1="{at}" y1="{TOP - 6}" x2="{at}" y2="{height - 24}"/>')
        parts.append(f'<text class="dim" x="{at}" y="{height - 8}" text-anchor="middle">{text} s</text>')
    return parts


def next_step(least: float) -> float:
    """Return the first of 1, 2 or 5 times a power of ten that is not below `least` (seconds)."""
    power = 1e-6
    while True:
        for factor in (1, 2, 5):
            if power * factor >= least:
                return power * factor
        power *= 10


def stop_band(document: Document, scale: float, height: int, lived: float) -> list[str]:
    for event in document["events"]:
        if event["what"] == "turned" and event.get("to") == "stop":
            width = max(1.0, (lived - event["at"]) * scale)
            place = f'x="{x(event["at"], scale)}" y="{TOP - 6}" width="{width:.1f}" height="{height - TOP - 18}"'
            return [f'<rect class="stop" opacity=".5" {place}><title>the stop, {event["at"]:.3f} s</title></rect>']
    return []


def lane(process: dict[str, Any], top: int, scale: float, lived: float) -> list[str]:
    name = escape(process["name"])
    parts = [f'<text x="{LEFT - 8}" y="{top + 15}" text-anchor="end">{name}<title>{process["role"]}</title></text>']
    for number, instance in enumerate(process["instances"], 1):
        begin = instance["forked"] if instance["forked"] is not None else 0.0
        end = instance["ended"] if instance["ended"] is not None else lived
        title = f"{name} {number}, pid {instance['pid']}: {begin:.3f} to {end:.3f} s"
        parts.append(bar("run", begin, end, top + 4, 14, scale, title))
        if instance["started"] is not None:
            parts.append(bar("on", instance["started"], end, top + 4, 14, scale, f"{title}, started"))
        for since, until in instance["ready"]:
            parts.append(bar("ready", since, until if until is not None else end, top + 19, 3, scale, f"{name} ready"))
        if instance["ended"] is not None:
            parts += flag(instance, end, top, scale)
    return parts


def bar(kind: str, begin: float, end: float, top: int, height: int, scale: float, title: str) -> str:
    width = max(1.0, (end - begin) * scale)
    place = f'x="{x(begin, scale)}" y="{top}" width="{width:.1f}" height="{height}"'
    return f'<rect class="{kind}" {place}><title>{title}</title></rect>'


def flag(instance: dict[str, Any], end: float, top: int, scale: float) -> list[str]:
    good = instance["code"] == 0 and not instance["signal"] and not instance["oom"] and instance["failed"] is None
    word = instance["signal"] or str(instance["code"])
    if instance["oom"]:
        word = "OOM"
    at = LEFT + end * scale
    kind = "good" if good else "bad"
    return [
        f'<path class="{kind}" d="M{at:.1f} {top + 1}v20h2v-11l7 -4.5z"><title>{escape(word)}</title></path>',
        f'<text class="{kind}" x="{at + 11:.1f}" y="{top + 14}">{escape(word)}</text>',
    ]


def marks(document: Document, names: list[str], scale: float) -> list[str]:
    parts = []
    for event in document["events"]:
        at, title = x(event["at"], scale), f"<title>{event['at']:.3f} s: {escape(sentence(event))}</title>"
        row = TOP + LANE * names.index(event["process"]) if event.get("process") in names else None
        if event["what"] == "signal":
            parts.append(f'<g><line class="sig" x1="{at}" y1="{TOP - 22}" x2="{at}" y2="{TOP - 6}"/>{title}')
            parts.append(
                f'<text x="{at}" y="{TOP - 26}" text-anchor="middle">{escape(str(event["signal"]))}</text></g>'
            )
        elif event["what"] == "sent" and row is not None:
            parts.append(f'<path class="sent" d="M{at} {row + 4}l-4 -6h8z">{title}</path>')
        elif event["what"] == "said" and row is not None and event["line"] in ("probe failed", "readiness"):
            parts.append(f'<circle class="probe" cx="{at}" cy="{row + 11}" r="4">{title}</circle>')
    return parts
