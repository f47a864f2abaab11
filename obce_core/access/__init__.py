"""Access to the dashboard: the token, the session cookie, the allowed hosts and the read-only mode."""

from __future__ import annotations

from obce_core.access.door import Door
from obce_core.access.policy import Policy
from obce_core.access.readonly import ReadOnly, refuse_if_read_only

__all__ = ["Door", "Policy", "ReadOnly", "refuse_if_read_only"]
