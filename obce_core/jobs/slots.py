"""How many jobs work at a time: a slot is a file that its worker holds locked; and the lock of the queue itself.

They lie in `queue/` of the cache. Slots in `queue/slots/`: `cpu-0` to `cpu-<OBCE_JOBS - 1>`, and for each GPU that can
be seen `gpu-<name>`, and `gpu-<name>.1` to `gpu-<name>.<OBCE_GPU_JOBS - 1>` where several jobs share one. A worker that
dies frees its slot with its life; nothing has to be cleaned up.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from obce_core import settings
from obce_core.errors import ObceError
from obce_core.jobs.process import visible_gpus
from obce_core.storage.locks import try_lock
from obce_core.storage.private import private_folder


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A place to work, held by `handle` until that is closed everywhere; `gpu` names the device ("": none)."""

    name: str
    handle: int
    gpu: str = ""

    def close(self) -> None:
        os.close(self.handle)


def places(*, gpu: bool) -> list[tuple[str, str]]:
    """Name the places for jobs of this machine, each with its GPU: of the GPUs when one is wanted and any can be seen,
    else of the processor, whose GPU is ""."""
    gpus = visible_gpus() if gpu else []
    shares = [
        "",
        *(f".{number}" for number in range(1, settings.jobs_a_gpu())),
    ]  # every GPU gets one before any gets two
    return [(f"gpu-{name}{share}", name) for share in shares for name in gpus] or [
        (f"cpu-{number}", "") for number in range(settings.jobs_at_once())
    ]


def take_slot(*, gpu: bool) -> Slot | None:
    """Take a free slot (see `places`); None when all are taken."""
    home = queue_home() / "slots"
    private_folder(home)
    for name, device in places(gpu=gpu):
        handle = os.open(home / name, os.O_RDWR | os.O_CREAT, 0o600)
        if try_lock(handle):
            return Slot(name=name, handle=handle, gpu=device)
        os.close(handle)
    return None


def queue_home() -> Path:
    """Return where the queue's own files live."""
    return settings.cache_dir() / "queue"


@contextmanager
def queue_lock(seconds: float = 20.0) -> Iterator[None]:
    """Hold the queue's lock; ObceError if another process holds it for too long."""
    home = queue_home()
    private_folder(home)
    handle = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + seconds
        while not try_lock(handle):
            if time.monotonic() > deadline:
                raise ObceError(f"Another process has held the queue of jobs for {seconds:.0f} s.", hint="Try again.")
            time.sleep(0.02)
        yield
    finally:
        os.close(handle)
