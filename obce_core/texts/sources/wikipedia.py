"""English Wikipedia, split at periods, as in the paper."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from obce_core.errors import TextsError
from obce_core.texts.sentences import split_periods
from obce_core.texts.sources.base import RawTexts, Request
from obce_core.texts.sources.hub import network_errors, open_datasets

DATASET = "wikimedia/wikipedia"
DUMP = "20231101.en"
BUFFER = 10_000
"""Articles that the seeded shuffle holds at a time."""

SENTENCES_PER_TEXT = 50
"""Articles are read until there are this many sentences for each text wanted."""

_ENDINGS = (".", '."', ".'", ".”", ".’", ".)", "!", "?", '?"', '!"')

Articles = Callable[[int, Callable[[], None]], Iterable[str]]
"""(seed, called for each article that arrives) -> articles in shuffled order."""


def hub_articles(seed: int, tick: Callable[[], None]) -> Iterator[str]:
    """Stream the dump's articles from the hub, shuffled with a seed and a buffer of 10,000.

    Raises:
        Offline: the network is forbidden, absent, or went away.
    """
    datasets = open_datasets(DATASET)

    def arrived(row: dict[str, str]) -> bool:
        tick()  # filling the buffer takes minutes: report progress and allow cancellation
        return bool(row["text"])

    with network_errors(DATASET):
        stream = datasets.load_dataset(DATASET, DUMP, split="train", streaming=True)
        rows = iter(stream.select_columns(["text"]).filter(arrived).shuffle(seed=seed, buffer_size=BUFFER))
    while True:
        with network_errors(DATASET):
            row = next(rows, None)
        if row is None:
            return
        yield row["text"]


@dataclass(frozen=True)
class Wikipedia:
    """Sentences of a dated dump; `articles` is the stream, which tests replace by one in memory."""

    articles: Articles = hub_articles
    name: ClassVar[str] = "wikipedia"
    title: ClassVar[str] = "Wikipedia"
    usage: ClassVar[str] = "wikipedia"
    describe: ClassVar[str] = (
        f"The paper's texts: English Wikipedia (dump {DUMP}), split at periods; streamed from the hub during the "
        "analysis (minutes)."
    )
    options: ClassVar[frozenset[str]] = frozenset({"split"})

    def check(self, argument: str) -> str:
        """Accept nothing, or the dump's date."""
        if argument not in ("", DUMP):
            raise TextsError(f"wikipedia has the dump {DUMP} only.", hint="Write wikipedia.")
        return DUMP

    def load(self, request: Request) -> RawTexts:
        """Collect 50 sentences for each text wanted; list items and headings, with no full stop, are left out.

        Progress counts sentences. Raises `Offline`, and `TextsError` without a number of texts.
        """
        if request.n is None:
            raise TextsError("wikipedia needs a number of texts.", hint="Give --n-texts 150.")
        if request.split not in (None, "periods"):
            raise TextsError("wikipedia is always split at periods.", hint="Leave --split out.")
        wanted = SENTENCES_PER_TEXT * request.n
        sentences: list[str] = []

        def tick() -> None:
            if request.progress is not None:
                request.progress(min(len(sentences), wanted), wanted)

        count = 0
        for article in self.articles(request.seed, tick):
            count += 1
            sentences += [sentence for sentence in split_periods(article) if sentence.endswith(_ENDINGS)]
            tick()
            if len(sentences) >= wanted:
                break
        note = (
            f"{len(sentences):,} sentences of the first {count:,} articles, shuffled with seed {request.seed} "
            f"(buffer {BUFFER:,})."
        )
        return RawTexts(texts=sentences, source=f"wikipedia:{DUMP}", name="wikipedia", notes=(note,))
