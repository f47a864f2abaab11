"""The draft on disk: a writer never overwrites a draft that it has not read."""

from __future__ import annotations

import threading
from pathlib import Path

from obce_core.plan import PruneSpec
from obce_core.plan.storage import HISTORY_STEPS, History, read_draft, read_history, write_draft

KEY = "0123456789abcdef"
ONE, TWO = PruneSpec().with_cells({(3, "query"): 30}), PruneSpec().with_cells({(3, "query"): 50})


def test_the_draft_is_empty_before_the_first_write() -> None:
    assert read_draft(KEY).prune_spec == PruneSpec() and read_draft(KEY).stamp == ""


def test_a_draft_is_read_as_it_was_written(cache: Path) -> None:
    draft = write_draft(KEY, ONE, seen="")
    assert draft is not None and read_draft(KEY) == draft and draft.prune_spec == ONE
    assert sorted(path.name for path in (cache / "plans" / KEY).iterdir()) == ["draft.json", "draft.lock"]


def test_a_write_with_an_old_stamp_does_not_overwrite_the_draft() -> None:
    first = write_draft(KEY, ONE, seen="")
    assert first is not None
    assert write_draft(KEY, TWO, seen="") is None
    assert read_draft(KEY) == first
    second = write_draft(KEY, TWO, seen=first.stamp)
    assert second is not None and second.stamp != first.stamp
    assert write_draft(KEY, ONE, seen=first.stamp) is None


def test_a_damaged_draft_reads_as_empty_and_can_be_replaced(cache: Path) -> None:
    write_draft(KEY, ONE, seen="")
    (cache / "plans" / KEY / "draft.json").write_text("{broken")
    assert read_draft(KEY).prune_spec == PruneSpec()
    assert write_draft(KEY, TWO, seen="") is not None


def test_only_one_of_several_concurrent_writes_succeeds() -> None:
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
    steps = tuple(PruneSpec().with_cells({(3, "query"): at}) for at in range(1, HISTORY_STEPS + 10))
    draft = write_draft(KEY, ONE, seen="", history=History(earlier=steps, later=(TWO,), version="0123"))
    assert draft is not None
    assert read_history(KEY, draft.stamp) == History(earlier=steps[-HISTORY_STEPS:], later=(TWO,), version="0123")
    assert read_history(KEY, "another") == History()
    (cache / "plans" / KEY / "history.json").write_text(
        f'{{"stamp": "{draft.stamp}", "earlier": 1, "later": [], "version": ""}}'
    )
    assert read_history(KEY, draft.stamp) == History() and read_draft(KEY) == draft
