"""Reports made from the record: they say why a container died.

Forked children of PID 1 and `pidonectl` run this package. PID 1 itself never loads it. Data flows
downwards:

    replay    the record's memory -> events, in order
    events    each kind of event: its fields, its sentence
    starts    events -> why each process was started, and after which wait
    facts     events -> the document: each process with its instances, each event with named fields
    cause     the document -> sentences: who died first, of what, who sent the signal, what followed
    text      the document -> lines for a terminal
    timeline  the document -> a picture (SVG)
    page      the document -> one HTML page that needs no network
    columns   rows -> lines of a table
    schema_1  a report of 0.4.0 -> a document of today's schema
    load      a report's file -> the document, or what is wrong with it

The document is plain JSON. `pidone --report FILE` writes it. The modules below `facts` read it from
that file or from a running group.
"""
