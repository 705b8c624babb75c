"""The base class of modes that watch torch's operations as they run."""

from __future__ import annotations

from torch.utils._python_dispatch import TorchDispatchMode


class Dispatch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A TorchDispatchMode that does not load torch's compiler, which nothing here uses."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()  # type: ignore[no-untyped-call]

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Otherwise torch would spend seconds loading its compiler just to disable it; nothing is compiled here."""
        return False
