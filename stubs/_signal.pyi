# The C half of `signal`, for which typeshed has no stub: the same names.
from signal import *  # noqa: F403
