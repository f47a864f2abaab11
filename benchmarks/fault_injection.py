"""The fault injections, each done for real on a job of its own and followed by `obce fsck`.

A scenario takes a `Job` (any kind that saves checkpoints and whose result holds `weights_sha256`) and a count, works in
an empty cache, and returns an `Outcome`: figures, and a list of what is wrong (empty: passed).
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.arena import Job, Outcome, answer, arena, finish, until, worker_pid
from obce_core.cache.fsck import check
from obce_core.jobs import FINAL, LocalLauncher, Status, create_run, find_run, list_runs
from obce_core.jobs.attempts import next_attempt
from obce_core.jobs.process import identify, is_same
from obce_core.jobs.spawn import command, environment
from obce_core.storage.checkpoints import committed, newest


def app_killed(job: Job, count: int = 3) -> Outcome:
    """C1: the process that asked for jobs is killed with its whole group while they run; a new one finds them at
    work."""
    with arena("C1", f"app killed while {count} jobs run", OBCE_JOBS=str(count)) as outcome:
        right = answer(job, outcome)
        script = (
            "import json, sys, time\nfrom obce_core.jobs import LocalLauncher\nkind, options, count = "
            "json.loads(sys.argv[1])\n"
            "for at in range(count): LocalLauncher().submit(kind, options, f'injected-{at}')\nprint('ready', "
            "flush=True)\ntime.sleep(600)"
        )
        told = [sys.executable, "-c", script, json.dumps([job.kind, dict(job.options), count])]
        app = subprocess.Popen(told, env=environment(), start_new_session=True, stdout=subprocess.PIPE)
        assert app.stdout is not None
        app.stdout.readline()
        runs = [find_run(f"injected-{at}") for at in range(count)]
        until(lambda: all(run.progress().done > 2 for run in runs))
        pids = [worker_pid(run) for run in runs]
        os.killpg(app.pid, signal.SIGKILL)
        app.wait()
        app.stdout.close()
        before = [run.progress().done for run in runs]
        again = subprocess.Popen(told, env=environment(), start_new_session=True, stdout=subprocess.DEVNULL)
        alive = until(lambda: all(run.progress().done > at for run, at in zip(runs, before, strict=True)))
        outcome.figures["live_after_restart_s"] = round(alive, 2)
        outcome.expect([worker_pid(run) for run in runs] == pids, "a worker was replaced")
        for run in runs:
            finish(run, right, outcome)
        os.killpg(again.pid, signal.SIGKILL)
        again.wait()
        outcome.expect(len(list_runs()) == count + 1, "the restarted app started jobs again")
    return outcome


def double_start(job: Job, count: int = 20) -> Outcome:
    """C2: who presses Start is cut off after a random time, and presses twice again: one run for each form."""
    with arena("C2", f"reload and double start, {count} random delays", OBCE_JOBS="2") as outcome:
        small = job.with_options(**({"steps": 3} if job.kind == "drill" else {}))
        chance = random.Random(2)
        spawn = multiprocessing.get_context("fork")
        cut = 0
        for at in range(count):
            first = spawn.Process(target=_press, args=(small, f"form-{at:03d}"))
            first.start()
            time.sleep(chance.uniform(0.0, 0.03))
            first.kill()
            first.join()
            cut += first.exitcode != 0
            twice = [spawn.Process(target=_press, args=(small, f"form-{at:03d}")) for _ in range(2)]
            for process in twice:
                process.start()
            for process in twice:
                process.join()
                outcome.expect(process.exitcode == 0, f"form-{at:03d}: a second press failed")
        launcher = LocalLauncher()
        outcome.expect(
            sorted(run.id for run in list_runs()) == [f"form-{at:03d}" for at in range(count)], "not one run a form"
        )
        until(lambda: all(launcher.probe(run).state in FINAL for run in list_runs()), 180, 0.2)
        outcome.expect(all(run.status().state == "done" for run in list_runs()), "a run did not end as done")
        attempts = sum((run.stored() or Status(state="")).attempt for run in list_runs())
        outcome.figures |= {"forms": count, "cut_off": cut, "runs": len(list_runs()), "attempts": attempts}
    return outcome


def worker_killed(job: Job, count: int = 30, inside: int = 10) -> Outcome:
    """C4: the worker is killed at random moments, some inside a checkpoint, and resumed each time."""
    with arena("C4", f"worker killed at {count} random moments") as outcome:
        right = answer(job, outcome)
        launcher, chance = LocalLauncher(), random.Random(4)
        done = hit = 0
        run = launcher.submit(job.kind, job.options)
        while done < count:
            home = run.folder / "checkpoints"
            try:
                pid = worker_pid(run)
                if hit < inside:  # wait for one to be written, then a moment more
                    until(lambda run=run, home=home: list(home.glob("*.tmp-*")) or run.status().state in FINAL, 30, 0.0)
                    time.sleep(chance.uniform(0.0, 0.02))
                else:
                    time.sleep(chance.uniform(0.0, 0.6))
                before = newest(home).checkpoint
                os.kill(pid, signal.SIGKILL)
            except (TimeoutError, ProcessLookupError):
                before = None
            until(lambda run=run: launcher.probe(run).state in FINAL)
            if run.status().state == "done":  # finished before its fault: take another one
                finish(run, right, outcome)
                run = launcher.submit(job.kind, job.options)
                continue
            done += 1
            hit += bool(list(home.glob("*.tmp-*")))
            found = newest(home)
            step, step_before = (found.checkpoint.step if found.checkpoint else 0), (before.step if before else 0)
            outcome.expect(
                step >= step_before and not found.passed_over,
                f"kill {done}: a committed checkpoint was lost or damaged",
            )
            outcome.wrong += [fault.describe() for fault in check().faults]
            launcher.resume(run)
        finish(run, right, outcome)
        outcome.figures |= {"kills": done, "inside_a_checkpoint": hit, "runs": len(list_runs()) - 1}
        outcome.expect(hit >= inside, f"only {hit} kills fell inside a checkpoint")
    return outcome


def checkpoint_damaged(job: Job, count: int = 10) -> Outcome:
    """C4: the newest checkpoint is damaged by hand, a file missing or cut: resume takes the one before, the weights are
    the same."""
    with arena("C4", f"newest checkpoint damaged in {count} ways") as outcome:
        right = answer(job, outcome)
        launcher = LocalLauncher()
        ways = fell_back = 0
        while ways < count:
            run = launcher.submit(job.kind, job.options)
            until(lambda run=run: len(committed(run.folder / "checkpoints")) == 2)
            os.kill(worker_pid(run), signal.SIGKILL)
            until(lambda run=run: launcher.probe(run).state in FINAL)
            last = committed(run.folder / "checkpoints")[-1]
            files = sorted(path for path in last.rglob("*") if path.is_file())
            path, cut = files[ways // 2 % len(files)], ways % 2
            os.truncate(path, path.stat().st_size // 2) if cut else path.unlink()
            found = newest(run.folder / "checkpoints")
            fell_back += found.checkpoint is not None and len(found.passed_over) == 1
            launcher.resume(run)
            finish(run, right, outcome)
            ways += 1
        outcome.figures |= {"damages": ways, "fell_back_and_said_so": fell_back}
        outcome.expect(fell_back == ways, "a damaged checkpoint was taken, or passed over in silence")
    return outcome


def memory_short(job: Job, limit: int = 1_500_000_000) -> Outcome:
    """C5: the job wants more memory than it may have: half the batch twice at most, then the numbers."""
    with arena("C5", "out of memory", OBCE_JOB_MEMORY=str(limit)) as outcome:
        launcher = LocalLauncher()
        fits = launcher.submit("drill", {"steps": 3, "hoard": limit, "batch_size": 32})
        until(lambda: launcher.probe(fits).state in FINAL)
        result = fits.result() or {}
        outcome.expect((fits.status().state, result.get("batch_size")) == ("done", 16), f"one halving: {fits.status()}")
        never = launcher.submit("drill", {"steps": 3, "hoard": limit * 20, "batch_size": 32})
        until(lambda: launcher.probe(never).state in FINAL)
        told = never.status()
        outcome.expect((told.state, told.halvings, told.attempt) == ("failed", 2, 3), f"no fit: {told}")
        outcome.expect(
            "out of memory" in told.reason and f"of {limit / 1e9:.2f} GB" in told.reason, f"no numbers: {told.reason}"
        )
        after = launcher.submit(job.kind, job.with_options(**({"steps": 3} if job.kind == "drill" else {})).options)
        until(lambda: launcher.probe(after).state in FINAL)
        outcome.expect(after.status().state == "done", "the next job did not work")
        outcome.figures |= {
            "attempts_until_it_fitted": fits.status().attempt,
            "attempts_until_it_failed": told.attempt,
            "reason": told.reason,
        }
    return outcome


def terminated(job: Job, graces: tuple[float, ...] = (30.0, 3.0, 0.0)) -> Outcome:
    """C6: SIGTERM, then SIGKILL after some seconds of grace: paused with a checkpoint, or lost, and the same weights
    after all."""
    with arena("C6", f"SIGTERM with {', '.join(f'{grace:g}' for grace in graces)} s of grace") as outcome:
        right = answer(job, outcome)
        launcher = LocalLauncher()
        for grace in graces:
            run = launcher.submit(job.kind, job.options)
            until(lambda run=run: committed(run.folder / "checkpoints"))
            pid = worker_pid(run)
            os.kill(pid, signal.SIGTERM)
            begun = time.monotonic()
            while time.monotonic() - begun < grace and run.status().state not in FINAL:
                time.sleep(0.01)
            at = run.progress().done
            if run.status().state not in FINAL:
                os.kill(pid, signal.SIGKILL)
            until(lambda run=run: launcher.probe(run).state in FINAL)
            told, found = run.status(), newest(run.folder / "checkpoints").checkpoint
            step = found.step if found else 0
            outcome.figures[f"grace_{grace:g}_s"] = {"state": told.state, "reason": told.reason, "checkpoint": step}
            if grace:
                outcome.expect(
                    (told.state, told.reason) == ("cancelled", "paused by signal"), f"grace {grace:g} s: {told}"
                )
                outcome.expect(
                    step >= at, f"grace {grace:g} s: the checkpoint is of step {step}, and step {at} was done"
                )
            else:
                outcome.expect(told.state in {"lost", "cancelled"} and told.reason, f"no grace: {told}")
            launcher.resume(run)
            finish(run, right, outcome)
    return outcome


def slept(job: Job, seconds: float = 60.0) -> Outcome:
    """C8: worker and keeper are stopped, their files seem a day older and newer: alive; a reboot or a reused pid:
    lost."""
    with arena("C8", f"asleep for {seconds:g} s, clock moved, pid reused") as outcome:
        right = answer(job, outcome)
        launcher = LocalLauncher()
        run = launcher.submit(job.kind, job.options)
        until(lambda: run.progress().done > 2)
        pid, keeper = worker_pid(run), int((run.stored() or Status(state="")).process["keeper"]["pid"])
        for each in (pid, keeper):
            os.kill(each, signal.SIGSTOP)
        begun, looks = time.monotonic(), 0
        while time.monotonic() - begun < seconds:
            for days in (-1, 1):
                for path in run.folder.iterdir():
                    os.utime(path, (time.time() + days * 86400,) * 2)
                looks += 1
                outcome.expect(
                    launcher.probe(run).state == "running", f"declared {run.status().state} while its lock was held"
                )
            time.sleep(0.2)
        outcome.expect(worker_pid(run) == pid, "another worker took it")
        for each in (keeper, pid):
            os.kill(each, signal.SIGCONT)
        finish(run, right, outcome)
        second = launcher.submit(job.kind, job.options)
        until(lambda: committed(second.folder / "checkpoints"))
        for who in ("keeper", "worker"):  # the machine stops: nobody is left to say anything
            os.kill(int((second.stored() or Status(state="")).process[who]["pid"]), signal.SIGKILL)
        until(lambda: not second.is_held())
        stored = second.stored() or Status(state="")
        for change in ({"boot": "another"}, identify(os.getpid()) | {"started": "0"}):
            process = dict(stored.process) | {"worker": {**stored.process["worker"], **change}}
            second.write_status(Status(**{**stored.__dict__, "process": process}))
            outcome.expect(second.status().state == "lost", "a reused pid was taken for the worker")
            outcome.expect(not is_same(process["worker"]), "a reused pid was taken for the worker")
        launcher.resume(second)
        finish(second, right, outcome)
        outcome.figures |= {"looks_while_asleep": looks, "asleep_s": seconds}
    return outcome


def stale_attempt(job: Job) -> Outcome:
    """C12: attempt 1 sleeps, its lock out of sight; attempt 2 begins and ends; attempt 1 wakes and may write
    nothing."""
    with arena("C12", "a stale attempt wakes") as outcome:
        right = answer(job, outcome)
        run, _ = create_run(job.kind, job.options)
        first = subprocess.Popen(
            command("obce_core.jobs.worker", run.folder, "--attempt", "1", nice=0),
            env=environment(),
            stderr=subprocess.DEVNULL,
        )
        until(lambda: committed(run.folder / "checkpoints"))
        first.send_signal(signal.SIGSTOP)
        next_attempt(run, lost_contact=True, launcher="local", reason="no contact with attempt 1")
        LocalLauncher().probe(run)
        finish(run, right, outcome)
        before = _picture(run.folder)
        first.send_signal(signal.SIGCONT)
        code = first.wait(60)
        outcome.expect(code == 3, f"the stale attempt ended with {code}")
        outcome.expect(_picture(run.folder) == before, "the stale attempt wrote")
        outcome.figures |= {"exit_code_of_the_stale": code, "attempt": run.status().attempt}
    return outcome


def _press(job: Job, nonce: str) -> None:
    LocalLauncher().submit(job.kind, job.options, nonce)


def _picture(folder: Path) -> dict[str, bytes]:
    """Read everything that a worker may write but its log and its lines of progress, which carry its attempt."""
    mine = {"log.txt", "progress.jsonl", "worker.lock", "STOPPING"}
    return {
        str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in mine
    }
