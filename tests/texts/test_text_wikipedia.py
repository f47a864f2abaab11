"""Wikipedia from a stream in memory, and how a missing network is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from obce_core.errors import Cancelled, Offline, TextsError
from obce_core.texts import SOURCES, load_texts, split_periods
from obce_core.texts.sources import hub, wikipedia
from obce_core.texts.sources.wikipedia import Wikipedia


def article(number: int) -> str:
    lines = [f"Sentence {i} of article {number} is this one." for i in range(10)]
    return "History\n" + " ".join(lines) + "\nA list item without any full stop\n"


def table(articles: Callable[..., Any]) -> dict[str, Any]:
    return SOURCES | {"wikipedia": Wikipedia(articles=articles)}


class Stream:
    """An endless shuffled stream that counts what is taken from it."""

    def __init__(self) -> None:
        self.seed, self.taken = -1, 0

    def __call__(self, seed: int, tick: Callable[[], None]) -> Iterator[str]:
        self.seed = seed
        while True:
            self.taken += 1
            tick()
            yield article(self.taken)


def test_articles_are_read_until_there_are_fifty_sentences_a_text() -> None:
    stream = Stream()
    sample = load_texts("wikipedia", n=4, seed=11, sources=table(stream))
    assert (stream.seed, stream.taken, sample.available) == (11, 20, 200)
    assert sample.source == "wikipedia:20231101.en"
    assert sample.notes == ("200 sentences of the first 20 articles, shuffled with seed 11 (buffer 10,000).",)
    every = [sentence for number in range(1, 21) for sentence in split_periods(article(number))]
    assert set(sample.texts) < set(every)
    assert not any("list item" in text for text in (*sample.texts, *sample.heldout))


def test_the_same_stream_and_seed_give_the_same_sample() -> None:
    first, again, other = (load_texts("wikipedia", n=5, seed=seed, sources=table(Stream())) for seed in (1, 1, 2))
    assert first == again
    assert first.texts != other.texts


def test_a_stream_that_ends_early_gives_what_it_has() -> None:
    sample = load_texts("wikipedia", n=5, sources=table(lambda seed, tick: [article(1)]))
    assert sample.available == 10
    with pytest.raises(TextsError, match="needs 150 different texts; wikipedia has 10 different ones"):
        load_texts("wikipedia", n=150, sources=table(lambda seed, tick: [article(1)]))


def test_progress_counts_sentences_and_may_cancel() -> None:
    seen: list[tuple[int, int]] = []
    load_texts("wikipedia", n=2, sources=table(Stream()), progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 100)
    assert seen[-1] == (100, 100)
    assert seen == sorted(seen)

    def stop(done: int, total: int) -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        load_texts("wikipedia", n=2, sources=table(Stream()), progress=stop)


def test_all_of_wikipedia_cannot_be_asked_for() -> None:
    with pytest.raises(TextsError, match="wikipedia needs a number of texts"):
        load_texts("wikipedia", n=None, sources=table(Stream()))


def test_wikipedia_is_split_at_periods_whatever_is_asked() -> None:
    assert len(load_texts("wikipedia", n=2, split="periods", sources=table(Stream()))) == 2
    with pytest.raises(TextsError, match="always split at periods"):
        load_texts("wikipedia", n=2, split="commas", sources=table(Stream()))


@pytest.mark.parametrize("switch", ["OBCE_OFFLINE", "HF_HUB_OFFLINE"])
def test_the_offline_switch_is_obeyed_at_once_and_names_alternatives(
    switch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(switch, "1")
    start = time.perf_counter()
    with pytest.raises(Offline) as caught:
        load_texts("wikipedia")
    assert time.perf_counter() - start < 1
    assert "the offline switch is on" in caught.value.message
    assert "--texts demo" in caught.value.hint
    assert "FILE" in caught.value.hint


class FakeHub:
    """A `datasets` module whose data lie in memory; the rest of the chain is the real library's."""

    def __init__(self, count: int) -> None:
        import datasets

        rows = {"title": [str(i) for i in range(count)], "text": [article(i) for i in range(count)]}
        self.stream = datasets.Dataset.from_dict(rows).to_iterable_dataset()
        self.asked: list[tuple[Any, ...]] = []

    def load_dataset(self, *names: str, **options: Any) -> Any:
        self.asked.append((*names, options))
        return self.stream


def test_the_real_stream_is_shuffled_by_the_seed_and_ticks_for_every_article(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeHub(50)
    monkeypatch.setattr(wikipedia, "open_datasets", lambda name: fake)
    ticks: list[int] = []
    first = list(wikipedia.hub_articles(1, lambda: ticks.append(1)))
    again = list(wikipedia.hub_articles(1, lambda: None))
    other = list(wikipedia.hub_articles(2, lambda: None))
    assert fake.asked[0] == ("wikimedia/wikipedia", "20231101.en", {"split": "train", "streaming": True})
    assert len(ticks) == 50
    assert first == again != other
    assert sorted(first) == sorted(other) == sorted(article(i) for i in range(50))


def test_a_cancel_passes_through_the_real_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeHub(5)
    monkeypatch.setattr(wikipedia, "open_datasets", lambda name: fake)

    def stop(done: int, total: int) -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        load_texts("wikipedia", n=2, progress=stop)


class ConnectError(Exception):
    """An error of a network library that is no OSError."""


ConnectError.__module__ = "httpx2"


@pytest.mark.parametrize("error", [ConnectionError("no"), TimeoutError("late"), OSError("dns"), ConnectError("no")])
def test_what_a_network_raises_becomes_one_line(error: Exception) -> None:
    with pytest.raises(Offline) as caught, hub.network_errors("wikimedia/wikipedia"):
        raise error
    assert str(caught.value).startswith(
        f"wikimedia/wikipedia cannot be reached ({type(error).__name__}). Use --texts demo"
    )


def test_a_mistake_of_the_program_is_not_called_a_missing_network() -> None:
    with pytest.raises(TypeError), hub.network_errors("x"):
        raise TypeError("a mistake")


def test_a_stream_that_breaks_off_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaking() -> Iterator[dict[str, str]]:
        yield {"text": article(1)}
        raise ConnectionError("gone")

    chain = SimpleNamespace(
        select_columns=lambda names: chain, filter=lambda call: chain, shuffle=lambda **_: breaking()
    )
    monkeypatch.setattr(wikipedia, "open_datasets", lambda name: SimpleNamespace(load_dataset=lambda *a, **k: chain))
    with pytest.raises(Offline, match="cannot be reached"):
        load_texts("wikipedia", n=2)


def test_a_hub_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    import huggingface_hub

    never = threading.Event()

    class Deaf:
        def dataset_info(self, *_: Any, **__: Any) -> None:
            never.wait(30)

    monkeypatch.delenv("OBCE_OFFLINE", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(hub, "REACH_SECONDS", 0.05)
    monkeypatch.setattr(huggingface_hub, "HfApi", Deaf)
    with pytest.raises(Offline, match=r"cannot be reached \(TimeoutError\)"):
        load_texts("wikipedia")
    never.set()


def test_an_answer_in_time_and_an_error_in_time_are_passed_on() -> None:
    assert hub.in_time(lambda: 3, 5) == 3
    assert hub.in_time(lambda: None, 5) is None
    with pytest.raises(ZeroDivisionError):
        hub.in_time(lambda: 1 // 0, 5)
