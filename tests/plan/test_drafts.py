"""The draft on disk: nobody overwrites what he has not seen."""

from __future__ import annotations

import threading
from pathlib import Path

from obce_core.plan import PruneSpec
from obce_core.plan.storage import STEPS, History, read_draft, read_history, write_draft

KEY = "0123456789abcdef"
ONE, TWO = PruneSpec().with_cells({(3, "query"): 30}), PruneSpec().with_cells({(3, "query"): 50})


def test_there_is_an_empty_draft_before_the_first_write() -> None:
    assert read_draft(KEY).prune_spec == PruneSpec() and read_draft(KEY).stamp == ""


def test_a_draft_is_read_as_it_was_written(cache: Path) -> None:
    made = write_draft(KEY, ONE, seen="")
    assert made is not None and read_draft(KEY) == made and made.prune_spec == ONE
    assert sorted(path.name for path in (cache / "plans" / KEY).iterdir()) == ["draft.json", "draft.lock"]


def test_who_has_not_seen_the_draft_on_disk_does_not_overwrite_it() -> None:
    first = write_draft(KEY, ONE, seen="")
    assert first is not None
    assert write_draft(KEY, TWO, seen="") is None
    assert read_draft(KEY) == first
    second = write_draft(KEY, TWO, seen=first.stamp)
    assert second is not None and second.stamp != first.stamp
    assert write_draft(KEY, ONE, seen=first.stamp) is None


def test_a_damaged_draft_is_an_empty_one_and_can_be_replaced(cache: Path) -> None:
    write_draft(KEY, ONE, seen="")
    (cache / "plans" / KEY / "draft.json").write_text("{broken")
    assert read_draft(KEY).prune_spec == PruneSpec()
    assert write_draft(KEY, TWO, seen="") is not None


def test_of_many_at_once_one_wins() -> None:
    won = []
    barrier = threading.Barrier(8)

    def write(number: int) -> None:
        barrier.wait()
        if write_draft(KEY, PruneSpec().with_cells({(1, "key"): 10 + number}), seen="") is not None:
            won.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1 and read_draft(KEY).prune_spec.percentile(1, "key") == 10 + won[0]


def test_the_history_of_a_draft_is_kept_with_it_and_is_bounded(cache: Path) -> None:
    steps = tuple(PruneSpec().with_cells({(3, "query"): at}) for at in range(1, STEPS + 10))
    made = write_draft(KEY, ONE, seen="", history=History(earlier=steps, later=(TWO,), version="0123"))
    assert made is not None
    assert read_history(KEY, made.stamp) == History(earlier=steps[-STEPS:], later=(TWO,), version="0123")
    assert read_history(KEY, "another") == History()
    (cache / "plans" / KEY / "history.json").write_text(
        f'{{"stamp": "{made.stamp}", "earlier": 1, "later": [], "version": ""}}'
    )
    assert read_history(KEY, made.stamp) == History() and read_draft(KEY) == made
