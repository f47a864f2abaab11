"""One odd folder among the runs: it is named and can be removed, and hides none of the good ones."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obce_core.cache.fsck import check, repair
from obce_core.cache.library import find_entry, list_entries, remove
from obce_core.cli import main
from obce_core.jobs import Run, Status, create_run, find_live, find_result, list_runs, poll
from obce_core.jobs.listing import about, kind_title, listing, tally
from obce_core.jobs.queue import dispatch
from obce_core.jobs.validation import check_spec, check_status
from obce_core.jobs.worker import execute

QUICK = {"steps": 2, "seconds": 0.0}
FILES = (
    "spec.json",
    "status.json",
    "progress.jsonl",
    "result.json",
    "log.txt",
    "CANCEL",
    "STOPPING",
    "worker.lock",
    "curve.jsonl",
)


@pytest.fixture
def odd(cache: Path) -> Run:
    """Make a good run that is done, a good one that waits, and one to be made odd, which waits before it."""
    run, _ = create_run("drill", QUICK, "odd-run", form="odd-form", launcher="local")
    execute(create_run("drill", QUICK, "good-done", form="a-form")[0])
    create_run("drill", QUICK, "good-waiting", launcher="local")
    for name in ("progress.jsonl", "result.json", "log.txt"):
        shutil.copy(cache / "runs/good-done" / name, run.folder / name) if name != "log.txt" else (
            run.folder / name
        ).write_text("a line\n")
    return run


def put(run: Run, name: str, text: str | bytes) -> None:
    path = run.folder / name
    with suppress(FileNotFoundError):
        path.unlink()
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def changed(name: str, **fields: Any) -> Callable[[Run], None]:
    """Return how to set fields of a JSON file; None takes a field away."""

    def change(run: Run) -> None:
        value = json.loads((run.folder / name).read_text()) | fields
        put(run, name, json.dumps({key: entry for key, entry in value.items() if entry is not None}))

    return change


def in_place_of(name: str, make: Callable[[Path], object]) -> Callable[[Run], None]:
    def change(run: Run) -> None:
        path = run.folder / name
        path.unlink(missing_ok=True)
        make(path)

    return change


def another(make: Callable[[Run], object]) -> Callable[[Run], None]:
    """Put something else in the place of the whole folder."""

    def change(run: Run) -> None:
        shutil.rmtree(run.folder)
        make(run)

    return change


# what is odd, how it comes about, the file that fsck names
ODD: list[tuple[str, Callable[[Run], object], str]] = [
    ("spec without options", changed("spec.json", options=None), "spec.json"),
    ("spec of a list", lambda run: put(run, "spec.json", "[]"), "spec.json"),
    ("spec of text options", changed("spec.json", options="steps"), "spec.json"),
    ("spec with an odd kind", changed("spec.json", kind=["drill"]), "spec.json"),
    ("spec from the far future", changed("spec.json", created=1e300), "spec.json"),
    ("spec gone", lambda run: (run.folder / "spec.json").unlink(), "spec.json"),
    ("spec not UTF-8", lambda run: put(run, "spec.json", b'{"kind": "\xff"}'), "spec.json"),
    ("spec nested deeply", lambda run: put(run, "spec.json", "[" * 200_000), "spec.json"),
    ("spec with half a surrogate", changed("spec.json", kind="\ud800"), "spec.json"),
    ("spec a pipe", in_place_of("spec.json", os.mkfifo), "spec.json"),
    ("spec a folder", in_place_of("spec.json", os.mkdir), "spec.json"),
    ("spec a link to nothing", in_place_of("spec.json", lambda path: path.symlink_to("nowhere")), "spec.json"),
    ("spec a link to itself", in_place_of("spec.json", lambda path: path.symlink_to(path)), "spec.json"),
    ("status of a number", lambda run: put(run, "status.json", "5"), "status.json"),
    ("status with an odd launch", changed("status.json", launch=5), "status.json"),
    ("status with an odd process", changed("status.json", process={"worker": {"pid": "one"}}), "status.json"),
    ("status with an odd state", changed("status.json", state="dancing"), "status.json"),
    ("status NaN", lambda run: put(run, "status.json", '{"state": "running", "started": NaN}'), "status.json"),
    ("status a pipe", in_place_of("status.json", os.mkfifo), "status.json"),
    ("status a folder", in_place_of("status.json", os.mkdir), "status.json"),
    ("result of a list", lambda run: put(run, "result.json", "[]"), "result.json"),
    ("result of odd evaluations", lambda run: put(run, "result.json", '{"evaluations": 7}'), "result.json"),
    ("result a pipe", in_place_of("result.json", os.mkfifo), "result.json"),
    ("progress of a number", lambda run: put(run, "progress.jsonl", "5\nnull\n[]\n"), ""),
    (
        "progress of odd fields",
        lambda run: put(run, "progress.jsonl", '{"t": "x", "done": [], "total": 1e400, "what": 3}\n'),
        "",
    ),
    ("progress a pipe", in_place_of("progress.jsonl", os.mkfifo), ""),
    ("log a pipe", in_place_of("log.txt", os.mkfifo), ""),
    ("lock a pipe", in_place_of("worker.lock", os.mkfifo), ""),
    ("lock a folder", in_place_of("worker.lock", os.mkdir), ""),
    ("an empty folder", another(lambda run: run.folder.mkdir()), "spec.json"),
    ("a link", another(lambda run: run.folder.symlink_to("good-done")), "odd-run"),
    ("a link to nothing", another(lambda run: run.folder.symlink_to("nowhere")), "odd-run"),
    ("a pipe", another(lambda run: os.mkfifo(run.folder)), "odd-run"),
    ("a file", another(lambda run: run.folder.write_text("")), "odd-run"),
    ("unreadable", lambda run: run.folder.chmod(0), ""),
]


def survive(capsys: pytest.CaptureFixture[str]) -> set[str]:
    """Look at everything as the shell and the pages do; return the ids that `runs list` prints."""
    rows = listing()
    assert {"good-done", "good-waiting"} <= {row.run.id for row in rows} and sum(tally(rows).values()) == len(rows)
    for row in rows:  # what the table and the panel of the Runs page read
        assert isinstance(kind_title(row.run.kind) + about(row.run.spec), str)
        assert row.run.progress().share >= 0
        _ = (row.run.result(), row.run.log(), row.run.cancel_requested(), row.run.fault())
    poll.look([row.run for row in rows])
    find_live("odd-form")
    assert find_result("a-form") is not None
    dispatch("local", lambda *_: None)  # takes places, starts nothing
    assert {entry.id for entry in list_entries(["runs"])} >= {"good-done", "good-waiting"}
    assert sum(entry.bytes for entry in list_entries()) > 0
    assert main(["runs", "list"]) == 0
    shown = {line.split()[0] for line in capsys.readouterr().out.splitlines()}
    assert main(["runs", "list", "--json"]) == 0
    assert {row["run"] for row in json.loads(capsys.readouterr().out)["runs"]} == shown
    return shown


@pytest.fixture(autouse=True)
def no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start no process when the shell moves the queue."""
    monkeypatch.setattr("obce_core.jobs.launchers.local._start_keeper", lambda *_: None)


@pytest.mark.parametrize(("what", "change", "named"), ODD, ids=[what for what, _, _ in ODD])
def test_an_odd_folder_hides_no_good_run_is_named_and_can_be_removed(
    what: str, change: Callable[[Run], object], named: str, odd: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    change(odd)
    assert survive(capsys) >= {"good-done", "good-waiting"}
    waiting = Run(odd.folder.with_name("good-waiting")).stored()
    assert waiting is not None and waiting.starts >= 1, "the run behind the odd one was not started"
    assert main(["runs", "show", "good-done"]) == 0
    capsys.readouterr()
    if named:
        told = [fault.describe() for fault in check().faults]
        assert any("odd-run" in line and named in line for line in told), told
    check(), repair()
    survive(capsys)
    stored = odd.stored()
    if stored is not None and stored.state == "queued":
        odd.write_status(replace(stored, state="failed", reason="odd"))
    assert main(["runs", "rm", "odd-run"]) == 0
    capsys.readouterr()
    assert not os.path.lexists(odd.folder)
    assert "odd-run" not in survive(capsys)


def test_the_reason_says_which_file_is_damaged_and_how_to_be_rid_of_it(odd: Run) -> None:
    put(odd, "status.json", '{"state": "running", "attempt": "two"}')
    assert odd.status() == Status(
        state="lost",
        reason="damaged: status.json: attempt is 'two' (expected an integer >= 1); obce runs rm odd-run removes it",
    )


def test_a_run_with_a_damaged_spec_is_struck_out_of_the_queue(odd: Run) -> None:
    changed("spec.json", options=None)(odd)
    begun = dispatch("local", lambda *_: None)
    assert [run.id for run in begun] == ["good-waiting"]
    assert (odd.status().state, odd.status().reason) == (
        "failed",
        "damaged: spec.json: options is missing (expected an object)",
    )


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["ray", "local", "running", "done"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = (
    *(
        "kind",
        "options",
        "form",
        "created",
        "memory",
        "environment",
        "state",
        "reason",
        "started",
        "ended",
        "attempt",
        "halvings",
    ),
    *(
        "launcher",
        "launch",
        "queued",
        "starts",
        "losses",
        "process",
        "t",
        "done",
        "total",
        "what",
        "folder",
        "evaluations",
        "unit",
        "step",
    ),
)
DOCUMENTS = JSON | st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6)


@given(name=st.sampled_from(FILES), document=DOCUMENTS, merge=st.booleans())
def test_random_json_in_any_file_of_a_run_stops_nothing(
    name: str, document: Any, merge: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from obce_core.glue.job import read_curve, written

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OBCE_CACHE", str(tmp_path_factory.mktemp("fuzz")))
        patch.setattr("obce_core.jobs.launchers.local._start_keeper", lambda *_: None)
        good, _ = create_run("drill", QUICK, "good-waiting", launcher="local")
        run, _ = create_run("drill", QUICK, "odd-run", launcher="local")
        path = run.folder / name
        if merge and isinstance(document, dict) and path.is_file():
            document = json.loads(path.read_text()) | document
        path.write_text(json.dumps(document) + "\n", "utf-8", "surrogatepass")
        for row in listing():
            assert isinstance(kind_title(row.run.kind) + about(row.run.spec), str)
            _ = (
                row.run.progress().share,
                row.run.result(),
                row.run.log(),
                read_curve(row.run.folder),
                written(row.run.folder),
            )
        poll.look(list_runs())
        dispatch("local", lambda *_: None)
        assert (good.stored() or Status(state="lost")).starts == 1
        check(), repair()
        assert {entry.id for entry in list_entries(["runs"])} == {"good-waiting", "odd-run"}
        if (stored := run.stored()) is not None and stored.state in ("queued", "running"):
            run.write_status(Status(state="failed", reason="odd"))
        remove([find_entry("runs/odd-run")])
        assert [left.id for left in list_runs()] == ["good-waiting"]


@given(document=DOCUMENTS)
def test_a_shape_is_accepted_or_refused_in_one_line(document: Any) -> None:
    for shape in (check_spec, check_status):
        try:
            shape(document)
        except ValueError as error:
            assert str(error) and "\n" not in str(error)
