"""Third-party packages, for the children of PID 1 that need one."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing takes 5 ms to import, and the start of a compiled file loads this module
    from typing import Any

#: For gRPC probes, as arguments of `load`. This one module loads all that a call needs.
HTTP_2 = ("h2.connection", "h2", "'pidone[grpc]'")

#: For metrics, as arguments of `load`.
PROMETHEUS = ("prometheus_client.core", "prometheus-client", "'pidone[metrics]'")


class MissingPackageError(Exception):
    """A package cannot be used. str(): which package, why, and what to do."""


def load(module: str, package: str, install: str) -> Any:
    """Import a module that is next to pidone, or where the interpreter's `site` finds it.

    PID 1 runs without `site`, but its children may use the interpreter's packages. An installed
    package may still not load, such as one for another Python.

    install: the argument for `pip install` that the error suggests.
    Raises MissingPackageError.
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
