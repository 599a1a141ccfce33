"""Credit inside functions that torch compiles: worked out between two graphs, with the bits it has outside of them.

torch.compile follows Python into whatever a function calls, and takes NumPy for torch on the way. The checks of this library
read values, and its constants are NumPy's, so that it asks to be left alone: the graph ends, credit is worked out as ever, and
the next graph starts behind it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache, partial, wraps
from typing import Any, ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")

# What torch.compiler.disable leaves on a function, which can't be asked for it while torch is not imported.
LEFT_ALONE = {
    "_torchdynamo_disable": True,
    "_torchdynamo_disable_msg": "credit is worked out between graphs; for fullgraph=True make it an operator: docs/arrays.md",
}


def between_graphs(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """The function, which torch.compile neither looks into nor compiles anything that it calls."""

    def entry(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        if "torch._dynamo" in sys.modules and _compiling() is not None:
            return _run(partial(function, *args, **kwargs))
        return function(*args, **kwargs)

    vars(entry).update(LEFT_ALONE)
    return wraps(function)(entry)


def _compiling() -> Any:
    """What looks at the frames of this thread for torch, None if nothing does; what can't be asked for may be there."""
    return _asked()()


vars(_compiling).update(LEFT_ALONE)


@cache
def _asked() -> Callable[[], Any]:
    frames = sys.modules.get("torch._C._dynamo.eval_frame")
    return getattr(frames, "get_eval_frame_callback", lambda: NotImplemented)


def _run(call: Callable[[], Result]) -> Result:
    # Arrays are out of sight in `call`, and a frame without any in sight is not compiled.
    result: Result = _alone()(call)
    return result


vars(_run).update(LEFT_ALONE)


@cache
def _alone() -> Any:
    return sys.modules["torch"].compiler.disable(_call)


def _call(call: Callable[[], Result]) -> Result:
    return call()


class BetweenGraphs:
    """A class of which, and of whose subclasses, torch.compile looks into no constructor, nor what reads the arrays within."""

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        for name, member in list(vars(cls).items()):
            if isinstance(member, classmethod):
                setattr(cls, name, classmethod(between_graphs(member.__func__)))
            elif name in ("__init__", "__getitem__", "value"):
                setattr(cls, name, between_graphs(member))
