"""Data sets of the Hugging Face hub, read with a time limit: the only network access for texts."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from obce_core import settings
from obce_core.errors import Offline, TextsError

REACH_SECONDS = 20.0
"""The hub must answer a first question within this time (name lookup included)."""

ALTERNATIVES = "Use --texts demo, or --texts FILE with a file of your own."

_TIMEOUT = "10"
_RETRIES = 3
# Network libraries raise errors of their own, not all of them OSError.
_FOREIGN = ("huggingface_hub", "datasets", "httpx", "httpx2", "httpcore", "requests", "urllib3", "aiohttp", "fsspec")


def require_network(what: str, hint: str = ALTERNATIVES) -> None:
    """Raise `Offline` at once when the network must not be asked."""
    if settings.offline():
        raise Offline(f"{what} needs the network, and the offline switch is on.", hint=hint)


def open_datasets(dataset: str, hint: str = ALTERNATIVES) -> Any:
    """Return the `datasets` module, with bounded timeouts, once the hub has answered for a data set.

    Raises:
        Offline: the offline switch is on, or the hub does not answer within 20 s (a dead name server included).
        TextsError: the `datasets` package is not installed.
    """
    require_network(dataset, hint)
    for name in ("HF_HUB_DOWNLOAD_TIMEOUT", "HF_HUB_ETAG_TIMEOUT"):
        os.environ.setdefault(name, _TIMEOUT)  # read when huggingface_hub is imported
    try:
        hub: Any = import_module("huggingface_hub")
        datasets: Any = import_module("datasets")
    except ImportError:
        raise TextsError(f"{dataset} needs the package datasets.", hint="pip install datasets") from None
    for name in ("STREAMING_READ_MAX_RETRIES", "STREAMING_OPEN_MAX_RETRIES"):
        setattr(datasets.config, name, min(getattr(datasets.config, name, _RETRIES), _RETRIES))
    with network_errors(dataset, hint):
        # Asked first, since load_dataset itself retries for half a minute before it gives up.
        in_time(lambda: hub.HfApi().dataset_info(dataset, timeout=float(_TIMEOUT)), REACH_SECONDS)
    return datasets


@contextmanager
def network_errors(what: str, hint: str = ALTERNATIVES) -> Iterator[None]:
    """Turn whatever the network libraries raise into one line of `Offline`; other errors pass through."""
    try:
        yield
    except Exception as error:
        foreign = type(error).__module__.partition(".")[0] in _FOREIGN
        if not (foreign or isinstance(error, OSError)):
            raise
        raise Offline(f"{what} cannot be reached ({type(error).__name__}).", hint=hint) from None


def in_time(call: Callable[[], Any], seconds: float) -> Any:
    """Run a call in a thread of its own and raise `TimeoutError` when it takes longer (name lookup has no timeout)."""
    finished: list[Any] = []
    failed: list[Exception] = []

    def work() -> None:
        try:
            finished.append(call())
        except Exception as error:  # raised again by the thread that waits
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not finished:
        raise TimeoutError(f"no answer within {seconds:g} s")
    return finished[0]
