"""The process that reads one file of texts: `python -m obce_core.background.text_worker`.

It reads a request (JSON) from its input and writes the answer to its output. torch is never imported here.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
from typing import Any

from obce_core.errors import ObceError, TextsError, TooFewTexts

ANSWER_BYTES = 64_000_000
"""A sample above this size is not sent to the dashboard."""


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Carry out a request: `{"task": "texts" | "columns", "spec", "options"}` gives `value`, `error` or `memory`."""
    from obce_core.texts import load_texts, text_columns

    try:
        if request["task"] == "columns":
            return {"value": text_columns(request["spec"])}
        return {"value": load_texts(request["spec"], **request["options"]).plain()}
    except ObceError as error:
        error_fields: dict[str, Any] = {"class": type(error).__name__, "message": error.message, "hint": error.hint}
        if isinstance(error, TooFewTexts):
            error_fields["available"] = error.available
        return {"error": error_fields}
    except MemoryError:
        return {"memory": True}


def limit_process(memory: int | None, seconds: float) -> None:
    """Limit this process's memory (where the system obeys) and processor time, and write no core file."""
    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_CPU: int(2 * seconds) + 5}
    if memory is not None:
        # Address space is reserved far beyond what is used; Linux counts private memory as data.
        limits[resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS] = memory
    for kind, value in limits.items():
        with contextlib.suppress(
            OSError, ValueError
        ):  # above a limit that is there already, or not known to this system
            resource.setrlimit(kind, (value, value))


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print never joins the answer
    request = json.load(sys.stdin)
    limit_process(request["memory"], request["seconds"])
    reply = answer(request)
    try:
        text = json.dumps(reply)
    except MemoryError:
        text = json.dumps({"memory": True})
    if len(text) > ANSWER_BYTES:
        error = TextsError(f"The sample has {len(text) / 1e6:,.0f} MB, too many to show.", hint="Choose fewer texts.")
        text = json.dumps({"error": {"class": "TextsError", "message": error.message, "hint": error.hint}})
    answers.write(text)
    answers.flush()


if __name__ == "__main__":
    main()
