"""The group's file: TOML -> all of its errors, or a plan.

    read      the file's bytes, and the error that says what is wrong with it
    parse     bytes -> a TOML document, and the line of each of its keys
    keys      every key: its reader, its documentation, and the slot in which PID 1 has it
    values    readers of keys: restarts, ports, output, control socket
    probes    readers of probes and hooks
    rules     which keys of a process exclude or need each other
    order     which process waits for which: replicas, after
    check     document -> errors with file:line, or the declaration as plain data
    pack      declaration -> the slots of PID 1
    lookup    users, groups and env files, which are known only when a process starts
    memory    the container's memory limit, and whether the requests fit
    resolve   declaration -> plan: users, env files, volumes, memory; done at each start
    compiled  a checked declaration kept next to its file
    answer    what PID 1's child does: all of the above

This room runs in a forked child of PID 1 and in `pidonectl`. PID 1 itself never loads it.
"""
