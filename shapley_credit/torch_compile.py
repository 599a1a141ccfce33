"""Credit inside functions that torch compiles: it is computed between two graphs, with the same bits as outside of them.

torch.compile traces every Python function that is called, and replaces NumPy by torch on the way. This library reads values to
check them, and its constants are NumPy's, so it asks not to be traced: the graph ends, credit is computed as usual, and the
next graph starts after it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache, partial, wraps
from typing import Any, ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")

# The attributes that torch.compiler.disable sets on a function: they are set here, as torch may not be imported yet.
LEFT_ALONE = {
    "_torchdynamo_disable": True,
    "_torchdynamo_disable_msg": "credit is worked out between graphs; for fullgraph=True make it an operator: docs/arrays.md",
}


def between_graphs(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """The function, wrapped so that torch.compile traces neither it nor anything that it calls."""

    def entry(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        if "torch._dynamo" in sys.modules and _compiling() is not None:
            return _run(partial(function, *args, **kwargs))
        return function(*args, **kwargs)

    vars(entry).update(LEFT_ALONE)
    return wraps(function)(entry)


def _compiling() -> Any:
    """The callback that shows frames of this thread to torch, None if there is none; anything else if torch can't be asked."""
    return _asked()()


vars(_compiling).update(LEFT_ALONE)


@cache
def _asked() -> Callable[[], Any]:
    frames = sys.modules.get("torch._C._dynamo.eval_frame")
    return getattr(frames, "get_eval_frame_callback", lambda: NotImplemented)


def _run(call: Callable[[], Result]) -> Result:
    # `call` hides the arrays, and torch does not compile a frame in which it sees none.
    result: Result = _alone()(call)
    return result


vars(_run).update(LEFT_ALONE)


@cache
def _alone() -> Any:
    return sys.modules["torch"].compiler.disable(_call)


def _call(call: Callable[[], Result]) -> Result:
    return call()


class BetweenGraphs:
    """A base class: torch.compile traces no constructor of its subclasses, and no method of theirs that reads arrays."""

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        for name, member in list(vars(cls).items()):
            if isinstance(member, classmethod):
                setattr(cls, name, classmethod(between_graphs(member.__func__)))
            elif name in ("__init__", "__getitem__", "value"):
                setattr(cls, name, between_graphs(member))
