"""`obce fsck`: whether anything in the cache was lost, is half there, or says what is not so."""

from __future__ import annotations

from obce_core.cache.fsck.check import CONDITIONS, Fault, Report, check, repair
from obce_core.cache.fsck.folders import committed_units

__all__ = ["CONDITIONS", "Fault", "Report", "check", "committed_units", "repair"]
