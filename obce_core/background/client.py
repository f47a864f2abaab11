"""The client of the background worker: submit a request without waiting, and poll for the answer.

A request is identified by its content, so two viewers with the same request wait for one answer. A viewer that still
wants an answer polls about once a second; a request that is no longer polled is dropped before it starts, so that a
quick series of edits leaves only the last one to compute.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import subprocess
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from obce_core.background.functions import function_named
from obce_core.errors import ObceError
from obce_core.jobs.spawn import command, environment
from obce_core.settings import cache_dir
from obce_core.storage.digests import digest
from obce_core.storage.private import FILE, private_folder

_NICE = 15
_PATIENCE = 6.0
"""Seconds without a poll after which a waiting request is dropped."""

_RETRY = 20.0
"""Seconds that a failure is remembered; asked again later, it is tried again."""

_WAITING_LIMIT = 500
_KEPT_BYTES = 64_000_000


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of a question: `waiting`, `done` (with its value) or `failed` (with a reason for people)."""

    state: str
    value: Any = None
    reason: str = ""


@dataclass(kw_only=True)
class _Question:
    task: str
    arguments: Mapping[str, Any]
    place: tuple[int, int]
    asked: float


class BackgroundWorker:
    """The background process and its queue of requests. Thread-safe; the process starts with the first request."""

    def __init__(self, log: Path | None = None) -> None:
        self._log = log
        self._lock = threading.Condition()
        self._waiting: dict[str, _Question] = {}
        self._working: str | None = None
        self._answers: OrderedDict[str, tuple[Answer, int, float]] = OrderedDict()
        self._kept = 0
        self._turn = itertools.count()
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def ask(self, task: str, arguments: Mapping[str, Any], *, priority: int = 1) -> Answer:
        """Return the answer if it is known, else put the question in the queue (a lower `priority` number comes first).

        A full queue gives `waiting` without a place in it: a later poll may get one.

        Raises:
            UnknownName: the function does not exist.
        """
        function_named(task)
        key, now = digest([task, arguments]), time.monotonic()
        with self._lock:
            if key in self._answers:
                known, _, at = self._answers[key]
                if known.state == "done" or now - at < _RETRY:
                    self._answers.move_to_end(key)
                    return known
                self._forget(key)
            if key in self._waiting:
                question = self._waiting[key]
                question.asked, question.place = now, min(question.place, (priority, question.place[1]))
            elif key != self._working and len(self._waiting) < _WAITING_LIMIT and not self._closed:
                self._waiting[key] = _Question(
                    task=task, arguments=arguments, place=(priority, next(self._turn)), asked=now
                )
                if self._thread is None:
                    self._thread = threading.Thread(target=self._serve, name="obce-warm", daemon=True)
                    self._thread.start()
                self._lock.notify_all()
            return Answer(state="waiting")

    def wait(self, task: str, arguments: Mapping[str, Any], *, priority: int = 0) -> Answer:
        """Ask and wait for the answer, for calls that have nothing to show meanwhile (a download)."""
        while (answer := self.ask(task, arguments, priority=priority)).state == "waiting" and not self._closed:
            with self._lock:
                self._lock.wait(0.5)
        return answer

    def close(self) -> None:
        """End the process; later requests are not answered."""
        with self._lock:
            self._closed = True
            self._lock.notify_all()
            process, thread = self._process, self._thread
        if process is not None:
            process.kill()  # its streams are closed by the thread that reads them
        if thread is not None:
            thread.join(5)

    def _serve(self) -> None:
        while True:
            with self._lock:
                self._working = None
                while not self._closed and not self._choose():
                    self._lock.wait(5.0)
                if self._closed or self._working is None:
                    self._end()
                    return
                key = self._working
                question = self._waiting.pop(key)
            answer, size = self._work(key, question)
            with self._lock:
                self._keep(key, answer, size)
                self._lock.notify_all()

    def _choose(self) -> bool:
        """Drop requests without viewers and choose the first of the rest."""
        oldest = time.monotonic() - _PATIENCE
        for key in [key for key, question in self._waiting.items() if question.asked < oldest]:
            del self._waiting[key]
        self._working = min(self._waiting, key=lambda key: self._waiting[key].place, default=None)
        return self._working is not None

    def _work(self, key: str, question: _Question) -> tuple[Answer, int]:
        limit = function_named(question.task).limit
        try:
            process = self._started()
            if self._closed:  # closed while it was being started; nothing else would end it
                self._end()
                return Answer(state="failed", reason="The helper process was closed."), 0
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(json.dumps({"id": key, "task": question.task, "arguments": question.arguments}) + "\n")
            process.stdin.flush()
            ready, _, _ = select.select([process.stdout], [], [], limit)
            if not ready:
                self._end()
                return Answer(state="failed", reason=f"This took more than {limit:g} s and was stopped."), 0
            line = process.stdout.readline()
            document = json.loads(line) if line else {}
        except (OSError, ValueError) as error:
            self._end()
            return Answer(
                state="failed", reason=f"The helper process could not work ({type(error).__name__}). Try again."
            ), 0
        except ObceError as error:
            return Answer(state="failed", reason=str(error)), 0
        if document.get("id") != key:
            self._end()
            return Answer(
                state="failed", reason="The helper process ended unexpectedly, perhaps for want of memory. Try again."
            ), 0
        if "reason" in document:
            return Answer(state="failed", reason=document["reason"]), 0
        return Answer(state="done", value=document["value"]), len(line)

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            path = self._log or cache_dir() / "warm.log"
            private_folder(path.parent)
            with open(path, "w", opener=lambda name, flags: os.open(name, flags, FILE)) as log:
                self._process = subprocess.Popen(
                    command("obce_core.background.process", nice=_NICE),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=environment(),
                    text=True,
                    start_new_session=True,
                )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):  # the pipe of unwritten requests is closed
                        stream.close()
            process.wait()

    def _keep(self, key: str, answer: Answer, size: int) -> None:
        self._forget(key)
        self._answers[key] = (answer, size, time.monotonic())
        self._kept += size
        while self._kept > _KEPT_BYTES and len(self._answers) > 1:
            self._forget(next(iter(self._answers)))

    def _forget(self, key: str) -> None:
        if key in self._answers:
            self._kept -= self._answers.pop(key)[1]
