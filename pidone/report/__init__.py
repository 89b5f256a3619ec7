"""What is made of the record: why did my container die?

Runs in forked children of PID 1 and in `pidonectl`; PID 1 itself never loads it. Data flows downwards:

    replay    the record's memory -> events, in order
    events    each kind of event: its fields, its sentence
    facts     events -> the document: each process with its instances, each event with named fields
    cause     the document -> who died first, of what, who sent it, what followed: sentences
    text      the document -> lines for a terminal
    timeline  the document -> a picture (SVG)
    page      the document -> one HTML page that needs no network
    broken    a report's file -> the document, or what is wrong with it

The document is plain JSON: `pidone --report FILE` writes it, and all below reads it from there as well as from a
running group.
"""
