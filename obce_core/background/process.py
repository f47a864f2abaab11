"""The background worker: `python -m obce_core.background.process` reads one request per line and writes one answer per
line, until its input ends.

What libraries print goes to the log and never between the answers.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any, TextIO

from obce_core.background.functions import Memory, function_named
from obce_core.errors import ObceError


def answer(line: str, memory: Memory) -> dict[str, Any]:
    """Answer one question: `{"id", "task", "arguments"}` gives `{"id", "value"}` or `{"id", "reason"}`."""
    question = json.loads(line)
    reply: dict[str, Any] = {"id": question["id"]}
    try:
        reply["value"] = function_named(question["task"]).work(question["arguments"], memory)
        json.dumps(reply, allow_nan=False)
    except ObceError as error:
        return {"id": question["id"], "reason": str(error)}
    except MemoryError:
        return {"id": question["id"], "reason": "There was not enough memory."}
    except Exception as error:
        traceback.print_exc()
        return {"id": question["id"], "reason": f"Internal error ({type(error).__name__}); the log has the details."}
    return reply


def serve(questions: TextIO, answers: TextIO) -> None:
    """Answer requests in order until the input ends."""
    memory: Memory = {}
    for line in questions:
        answers.write(json.dumps(answer(line, memory)) + "\n")
        answers.flush()


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    serve(sys.stdin, answers)


if __name__ == "__main__":
    main()
