"""Packages that are not Python's own, for the children of PID 1 that need one."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing takes 5 ms to import, and a compiled file's start loads this
    from typing import Any

#: For gRPC probes: all that a call needs is loaded by this one module.
HTTP_2 = ("h2.connection", "h2", "'pidone[grpc]'")

#: For metrics, likewise.
PROMETHEUS = ("prometheus_client.core", "prometheus-client", "'pidone[metrics]'")


class MissingPackageError(Exception):
    """str(): which package, why it cannot be used, and what to do."""


def load(module: str, package: str, install: str) -> Any:
    """The module: beside pidone, or where the interpreter's site finds it. Raises Missing.

    PID 1 runs without `site`; a child of it may use what belongs to the interpreter. A package that is there may still
    not load, such as one of another Python's. install: the words after `pip install`.
    """
    for attempt in range(2):
        try:
            return __import__(module, fromlist=["*"])
        except ModuleNotFoundError as error:
            if not attempt:
                import site

                site.main()
            elif (error.name or "").partition(".")[0] == module.partition(".")[0]:
                raise MissingPackageError(f"the package {package} is missing: pip install {install}") from None
            else:
                raise MissingPackageError(f"the package {package} does not load: {error}") from None
        except Exception as error:
            raise MissingPackageError(f"the package {package} does not load: {type(error).__name__}: {error}") from None
    raise AssertionError("unreachable")
