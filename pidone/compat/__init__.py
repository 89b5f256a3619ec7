"""pidone in the place of tini, dumb-init or catatonit: their options, environment and behaviour.

    table     what each of them takes and does: one profile each
    options   reads a command line and an environment by a profile
    machine   what they decide: which signal goes where, and when all is over
    loop      what they do to the process that they start, and other differences
    pause     runs no program, and holds a Pod's namespaces
    show      usage, version, licence
    main      called as one of them, or with `--as`, `--pause` or `--detach`

Loaded only when pidone is called so: by a link of such a name, or with one of these options.
"""
