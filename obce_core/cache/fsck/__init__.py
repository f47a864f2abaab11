"""`obce fsck`: check the cache for lost, incomplete or inconsistent entries."""

from __future__ import annotations

from obce_core.cache.fsck.check import CONDITIONS, Fault, Report, check, repair
from obce_core.cache.fsck.folders import committed_units

__all__ = ["CONDITIONS", "Fault", "Report", "check", "committed_units", "repair"]
