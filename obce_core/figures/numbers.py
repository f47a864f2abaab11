"""The forms of numbers that figures and pages use: those of `obce_core.numbers`."""

from obce_core.numbers import MINUS, amount, cosine, count, duration, megabytes, millions, share

__all__ = ["MINUS", "amount", "cosine", "count", "duration", "megabytes", "millions", "share"]
