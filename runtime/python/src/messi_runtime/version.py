"""The release of the runtime, and the check of generated code against it."""

from __future__ import annotations

__version__ = "0.1.0"

# The number of the interface between generated code and runtime; doc/versions.md says when it
# grows.
_RUNTIME_API = 2


def require_runtime_api(api: int, module: str) -> None:
    """Called by generated modules with the number they were generated for."""
    if api != _RUNTIME_API:
        raise ImportError(
            f"{module} was generated for runtime API {api} of messi, but messi_runtime "
            f"{__version__} has {_RUNTIME_API}: run protoc with the protoc-gen-messi of the same "
            "release as messi_runtime"
        )
