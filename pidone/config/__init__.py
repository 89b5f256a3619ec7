"""The group's file: TOML -> all of its errors, or a plan.

    read      the file's bytes, and the error that says what is wrong with it
    parse     bytes -> a TOML document, and the line of each of its keys
    schema    which keys there are, what each may hold, and what is said when it holds something else
    probes    the same for probes, hooks and restarts
    rules     what may not stand together
    order     who waits for whom: replicas, after
    check     document -> errors with file:line, or the declaration as plain data
    resolve   declaration -> plan: users, env files, volumes, the container's memory; done at each start
    policy    what a group does for a process, as the plan has it
    compiled  a checked declaration kept beside its file
    answer    what PID 1's child does: all of the above

Runs in a forked child of PID 1 and in `pidonectl`; PID 1 itself never loads it.
"""
