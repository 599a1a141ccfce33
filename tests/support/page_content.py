"""What a page holds, read as a browser reads it, and texts that pages must not obey."""

from __future__ import annotations

import base64
import json
import zlib
from html.parser import HTMLParser
from typing import Any

# One completion each: whatever a model may write.
HOSTILE = [
    "</script><script>window.obeyed = 1</script>",
    "<img src=x onerror='window.obeyed = 1'><svg onload=window.obeyed=1>",
    "<!-- <script> --!> ]]> </style></textarea></title>",
    '" onmouseover="window.obeyed = 1" \' `${window.obeyed = 1}`',
    "{{ 7 * 7 }} {% raw %} \\u003c/script\\u003e &lt;b&gt; &amp;",
    "javascript:window.obeyed=1 http://e.example/x.png",
    "\x1b[31mred\x1b[0m \x07\x08 nul \x00 end \x7f \x9b2J",
    "left \u202etfel\u202c \u2066in\u2069 \u200e\u200f \ufeff \u00ad \u2028 \U000e0041 end",
    "half \ud800 and \udc00 of a pair, whole \U0001f426",
    "\r\nlines\r\n\tand tabs  and   spaces\n\n",
]


class Elements(HTMLParser):
    """The elements of a page in order: [name, attributes, text]."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[list[Any]] = []
        self._open = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append([tag, dict(attrs), ""])
        self._open = True

    def handle_endtag(self, tag: str) -> None:
        self._open = False

    def handle_data(self, data: str) -> None:
        if self._open:
            self.found[-1][2] += data

    def texts(self, tag: str, **attributes: str) -> list[str]:
        return [
            text for name, given, text in self.found if name == tag and all(given.get(a) == v for a, v in attributes.items())
        ]


def content(page: str) -> tuple[dict[str, Any], list[Any]]:
    """The numbers of a page, and its groups: [prompt, texts, segments] each."""
    elements = Elements(page)
    (index,) = elements.texts("script", id="index")
    blocks = [group for block in elements.texts("script", **{"class": "block"}) for group in _unpacked(block)]
    return _unpacked(index), blocks


def _unpacked(text: str) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(text, validate=True)))
