"""The document -> one HTML page that needs no network.

It shows the cause, the timeline, the processes, and the events with a search. It contains the JSON.
"""

from __future__ import annotations

import json
from html import escape
from typing import Any

from pidone.report import timeline
from pidone.report.events import sentence
from pidone.report.text import at, head, state

Document = dict[str, Any]

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1c2833;max-width:1040px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}.why{background:#fdf2e9;border-left:4px solid
#ca6f1e;padding:.6rem 1rem;margin:1rem 0}.why p{margin:.2rem 0}table{border-collapse:collapse;width:100%}td,th{
text-align:left;padding:.15rem .6rem .15rem 0;border-bottom:1px solid #eaecee;vertical-align:top}td:first-child{
font-variant-numeric:tabular-nums;white-space:nowrap}input{font:inherit;padding:.25rem .5rem;width:18rem}
svg{width:100%;height:auto}ul.tree,ul.tree ul{list-style:none;padding-left:1.2rem;margin:.1rem 0}ul.tree{padding:0}
.bad{color:#c0392b}
.dim{color:#707b7c}pre{background:#f4f6f6;padding:.6rem;overflow:auto}
"""

SCRIPT = """
const box=document.getElementById('search'),rows=[...document.querySelectorAll('#events tbody tr')];
function sift(){const words=box.value.toLowerCase().split(/\\s+/).filter(Boolean);let n=0;
for(const row of rows){const text=row.textContent.toLowerCase();
row.hidden=!words.every(word=>text.includes(word));n+=!row.hidden}
document.getElementById('count').textContent=n+' of '+rows.length}
box.addEventListener('input',sift);sift();
"""


def make(document: Document) -> str:
    """Return a whole page. Words of a process are always text in it, never markup."""
    title = f"pidone: {document['group']}"
    why = "".join(f"<p>{escape(line)}</p>" for line in document["cause"].get("lines", [])) or "<p>it is running</p>"
    data = json.dumps(document).replace("<", "\\u003c")  # or a "</script>" in the data would end the script
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(title)}</title><style>{STYLE}</style></head><body>
<h1>{escape(document["group"])}</h1><div class="dim">{escape(head(document))}</div>
<div class="why" id="why">{why}</div>
<h2>Timeline</h2><div id="timeline">{timeline.draw(document)}</div>
<h2>Processes</h2>{tree(document)}
{output(document)}<h2>Events</h2>
<p><input id="search" type="search" placeholder="search: web SIGTERM" aria-label="search events">
<span id="count"></span></p>
<table id="events"><thead><tr><th>at (s)</th><th>what</th><th></th></tr></thead><tbody>
{events(document)}
</tbody></table>
<script type="application/json" id="document">{data}</script>
<script>{SCRIPT}</script></body></html>
"""


def tree(document: Document) -> str:
    """Return PID 1, and below it each process with its instances, as a list."""
    items = []
    for process in document["processes"]:
        instances = "".join(
            f"<li class='{'bad' if one['ended'] is not None and (one['code'] or one['signal']) else ''}'>"
            f"pid {one['pid'] or '-'}, from {at(one['forked'])} to {at(one['ended'])}: {escape(state(one))}</li>"
            for one in process["instances"]
        )
        items.append(f"<li><b>{escape(process['name'])}</b> <span class='dim'>{process['role']}</span>"
                     f"<ul>{instances or '<li class=dim>never started</li>'}</ul></li>")  # fmt: skip
    return f"<ul class='tree' id='tree'><li>pidone {escape(document['pidone'])}<ul>{''.join(items)}</ul></li></ul>"


def output(document: Document) -> str:
    return "".join(
        f"<h2>The last lines of {escape(name)}</h2><pre>{escape(chr(10).join(lines))}</pre>"
        for name, lines in document.get("output", {}).items()
    )


def events(document: Document) -> str:
    return "\n".join(
        f"<tr><td>{event['at']:.6f}</td><td>{escape(event['what'])}</td><td>{escape(sentence(event))}</td></tr>"
        for event in document["events"]
    )
