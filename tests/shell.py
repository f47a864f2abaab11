"""Run the command line in this process, as the shell would."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from obce_core.cli import main


@dataclass(frozen=True)
class Answer:
    """What a command printed and its exit code."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)

    @property
    def line(self) -> str:
        """The one line of an error."""
        lines = [line for line in self.err.splitlines() if line.startswith("obce: ")]
        assert len(lines) == 1, self.err
        return lines[0]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> Answer:
    """Run `obce ARGUMENTS`."""
    capsys.readouterr()
    code = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return Answer(code, out, err)
