"""Texts of any script, and splitters to cut them with."""

from __future__ import annotations

from hypothesis import strategies as st
from shapley_credit.credit import segments
from shapley_credit.credit.splitters import Splitter

PROSE: list[Splitter] = [segments.paragraphs, segments.sentences("en"), segments.phrases("and", "but"), segments.words]

HARD = [
    "One. Two! Three?",
    "a\r\n\r\nb.\r\nC d.\r\n",
    "  \n\n leading, and trailing \n\n\n ",
    "你好，世界！今天天气很好。我们去公园吧？好的；走。",
    "これは文です。次の文です！「はい」と言った。",
    "Cafe\u0301, nai\u0308ve; e\u0301tude: re\u0301sume\u0301. Fin.",
    "👩‍👩‍👧‍👦, 👍🏽! ❤️ and 🇩🇪🇫🇷. Ok…",
    "हिन्दी में, यह एक वाक्य है। दूसरा वाक्य।",
    "مرحبا، كيف حالك؟ أنا بخير.",
    "no end, no end, no end, no end",
    "1,000.5 at 12:30 (see http://x.y/z?a=b,c); e.g. this",
    ".",
    "\r\n",
    "\u0301",
]

PIECES = st.sampled_from(
    [
        "a",
        "Bc",
        " ",
        "  ",
        "\n",
        "\r\n",
        "\r",
        ". ",
        "! ",
        ", ",
        "。",
        "，",
        "e\u0301",
        "👩‍👧",
        "👍🏽",
        "中",
        "ア",
        "\u2028",
        "1) ",
        "and ",
        "\u200d",
    ]
)
TEXTS = st.one_of(
    st.sampled_from(HARD), st.lists(PIECES, min_size=1, max_size=25).map("".join), st.text(min_size=1, max_size=20)
)
FINDERS: list[Splitter] = [
    segments.numbered,
    segments.json_array,
    segments.tagged("x"),
    segments.matching(r"\w+"),
    lambda text: [(i, i + 1) for i in range(1, len(text), 3)],
]
SPLITTERS = st.lists(st.sampled_from([*PROSE, *FINDERS]), max_size=4)
