"""From files to tables and pages that a person reads; needs the report extra."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapley_credit.errors import MissingExtraError, install

if TYPE_CHECKING:
    from shapley_credit.report.page_file import page as page

__all__ = ["page"]


def __getattr__(name: str) -> Any:
    """The page is loaded when it is asked for: tables do without what it needs."""
    if name != "page":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from shapley_credit.report.page_file import page
    except ImportError as error:
        raise MissingExtraError(f"pages need {error.name}; {install('report')}") from error
    return page
