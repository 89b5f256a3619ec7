"""pidone in the place of tini, dumb-init or catatonit: their options, their environment, their behaviour.

    table     what each of them takes and does: one row each
    asked     a command line and an environment, read as the row says
    machine   what they decide: whom a signal goes to, when it is over
    loop      what they do to the process they start, and the rest that differs
    pause     no process at all: holding a Pod's namespaces
    show      usage, version, licence
    main      called as, or `--as`, one of them

Loaded only when pidone is called so: by a link of that name, or `pidone --as NAME`.
"""
