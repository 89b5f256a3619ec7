"""The desk of a group: what PID 1 keeps for those who ask, and takes from those who steer.

Loaded for a group only:

    planner  forks the child that reads the file
    record   what has happened, in two rings of fixed size
    extras   what a process of a group gets that a single command does not
    output   the pipes of processes whose output is carried
    hearing  what processes say of themselves
    kills    how many the kernel has killed because memory ran out
"""
