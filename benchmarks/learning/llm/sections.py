"""What the page says of each task, and which of its figures it shows."""

from __future__ import annotations

from typing import NamedTuple

from benchmarks.learning.llm import listing, recommend, search


class Section(NamedTuple):
    """The section of a task.

    Attributes:
        title, about: what opens it.
        beside: figures that stand beside the metric in training.
        unseen: the head of the metric on prompts held out.
        varied, variety: figures of how responses to prompts held out differ, and what they are.
        ours: the rule that the figure is about.
        base: the rule that others are compared with.
    """

    title: str
    about: str
    beside: tuple[str, ...]
    unseen: str
    varied: tuple[str, ...]
    variety: str
    ours: str
    base: str = "shared"


RECOMMEND = Section(
    "Recommend: four things for hidden users",
    """\
The model names four things about a topic for users that it does not know; each user has an interest in words. A thing is
worth to a user how close the two are by MiniLM. A response is worth the mean over users of the best thing's worth to them,
and nothing if it is not a list of four.
""",
    (recommend.UNPAID, "validity"),
    "The utility on prompts held out, for users that nobody was paid for",
    ("same words", "same meaning", "distance", "tokens"),
    "Valid responses with two candidates alike in letters or in meaning, the mean distance of two, and tokens",
    "Shapley",
)

SEARCH = Section(
    "Search: a query of phrases, as many as the model likes",
    """\
The model is told a need and writes a query of one to nine phrases. BM25 ranks the 1,319 questions of GSM8K; the reward is
nDCG@20, and 0 for what is no query. A question is as relevant as the solution that a person wrote for it has words of the need,
three at most. The model never sees these words, and retrievers read the question alone: neither a retriever nor a query decides
what is relevant. MiniLM ranks the same questions by the same query, and pays nobody.

The members of a query are its phrases. There are no unions above them, so that their Owen value is the Shapley value. A query
of some of its phrases is worth its own nDCG. *Windows* are those of OSPO. They and *leave one out* share evenly what their
credits lack of the reward; *to go* adds up the credit from a phrase to the end.
""",
    (search.DENSE, search.SIZE, "validity"),
    "The nDCG on prompts held out",
    (search.DENSE, search.SIZE, search.REPEATED, "tokens"),
    "nDCG by MiniLM, phrases of a valid query, the share of its words that stood in it before, and tokens",
    "Shapley",
)

LISTING = Section(
    "List picking: one item of a list, by many answers",
    """\
A list stands in the prompt, and the model names one of its items; most lists have eight. The answers to a prompt are paid for
the variety of their group. An answer is valid if it is an item, but for case, spaces and final punctuation, and ends there.
*Variety* is how many different items are expected among as many answers as the list has items, drawn from the group, as a share
of the list. Neither the same answer over and over nor invalid answers raise it.

The members are the 24 answers of a group. Every rule is centred on the mean of the group; nothing is divided by a deviation.
*GRPO* pays 1 for a valid answer. *GAPO* is the published frequency reward, which must know how many items there are. *Entropy*
and *distinct* are Shapley values of the entropy of the valid answers and of the number of different ones. *Distinct, past
answers* is that of what a coalition adds to the answers of the last group of the prompt, 1 / (1 + n) for an item that they hold
n times. An invalid answer costs 1 under every rule but GRPO. In a group of equal answers all credits are the same, so that no
rule leaves a single answer once a policy gives nothing else.

The lists were chosen so that at least four of ten answers to each are valid before training. Figures are of samples, under
every rule 24 answers to a prompt in training and 48 to one held out. Divergence and entropy are those of the valid answers: the
fewer these are, the more the divergence is overstated.
""",
    (listing.COVERAGE, listing.DIVERGENCE, "validity"),
    "The variety of answers to lists held out",
    (listing.DIVERGENCE, listing.COVERAGE, listing.ENTROPY, "tokens"),
    "Divergence of valid answers from the uniform distribution in bits, items that were named at all, entropy, and tokens",
    "distinct",
    "GRPO",
)

SECTIONS = {"recommend": RECOMMEND, "search": SEARCH, "listing": LISTING}
