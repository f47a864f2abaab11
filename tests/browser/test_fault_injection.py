"""Short cases of the fault injections that need a server and a browser; `make faults` does them at full size."""

from __future__ import annotations

from benchmarks.fault_injection_app import reloaded_after_start, server_killed


def test_a_killed_server_leaves_job_and_page_alive(needs_demo: None) -> None:
    assert server_killed().wrong == []


def test_a_page_left_after_start_makes_one_run_or_none(needs_demo: None) -> None:
    assert reloaded_after_start(2).wrong == []
