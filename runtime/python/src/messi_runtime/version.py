"""The release of the runtime, and the handshake of generated code with it."""

from __future__ import annotations

__version__ = "0.1.0"

# The generation of the contract between generated code and runtime.
_RUNTIME_API = 1


def require_runtime_api(api: int, module: str) -> None:
    """Called by generated modules with the generation they were made for."""
    if api != _RUNTIME_API:
        raise ImportError(
            f"{module} was generated for runtime API {api} of messi, but messi_runtime "
            f"{__version__} has {_RUNTIME_API}: run protoc with the protoc-gen-messi of the same "
            "release as messi_runtime"
        )
