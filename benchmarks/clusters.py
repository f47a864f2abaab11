"""A Ray cluster of several nodes on this machine, with token authentication; processes of ours, ended by their ids."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import psutil

_START_SECONDS = 180.0
"""Time for a node to start on a busy machine."""


class Cluster:
    """Start a head without processors, and nodes with one each; `kill` takes a node away in an instant.

    A node is the tree of processes under one `ray start --block`.
    """

    def __init__(self, nodes: int) -> None:
        self.token = secrets.token_hex(32)
        self.home = Path(tempfile.mkdtemp(prefix="obce-ray-", dir="/tmp"))  # sockets below it: paths must stay short
        self.gcs, self.port = _free_port(), _free_port()
        self.count = nodes
        self.nodes: list[subprocess.Popen[bytes]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs: the token, and the address as the configured one."""
        return {
            "OBCE_RAY_ADDRESS": self.address,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": self.token,
            "RAY_USAGE_STATS_ENABLED": "0",
        }

    def __enter__(self) -> Cluster:
        head = [
            "--head",
            f"--port={self.gcs}",
            f"--dashboard-port={self.port}",
            "--dashboard-host=127.0.0.1",
            "--num-cpus=0",
        ]
        try:
            self.head = self._start([*head, f"--temp-dir={self.home}", "--include-dashboard=true"])
            self._until(self._answers)
            for _ in range(self.count):  # one after the other: they choose the names of their sockets by what is there
                self.nodes.append(self._start([f"--address=127.0.0.1:{self.gcs}", "--num-cpus=1"]))
                self._until(lambda: self._log().count("Ray runtime started") == 1 + len(self.nodes))
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for node in [*self.nodes, self.head]:
            self.kill(node)
        for process in psutil.process_iter(["cmdline"]):  # what outlived its parent names our own new folder
            if any(str(self.home) in word for word in process.info["cmdline"] or ()):
                self._end(process)
        shutil.rmtree(self.home, ignore_errors=True)

    def kill(self, node: subprocess.Popen[bytes]) -> None:
        """Kill a node: everything below it at once, jobs included."""
        try:
            tree = [psutil.Process(node.pid), *psutil.Process(node.pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            tree = []
        for process in tree:
            self._end(process)
        node.wait()

    def node_of(self, pid: int) -> subprocess.Popen[bytes]:
        """Find the node that a worker's process lives on."""
        above = {process.pid for process in psutil.Process(pid).parents()}
        return next(node for node in self.nodes if node.pid in above)

    @staticmethod
    def _end(process: psutil.Process) -> None:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)

    def _start(self, told: list[str]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--node-ip-address=127.0.0.1"]
        with (self.home / "start.log").open("ab") as log:
            return subprocess.Popen(
                [*command, "--object-store-memory=80000000", "--disable-usage-stats", *told],
                env={**os.environ, **self.environment, "RAY_JOB_STOP_WAIT_TIME_S": "2"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _log(self) -> str:
        return (self.home / "start.log").read_text("utf-8", "replace")

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def _until(self, reached: Callable[[], bool], seconds: float = _START_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not reached():
            if time.monotonic() > deadline or self.head.poll() is not None:
                raise RuntimeError(f"Ray did not start: {self._log()[-2000:]}")
            time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
