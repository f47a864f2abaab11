"""Colours and shapes of the dots of a cloud: by topic, label, length, or any column of the texts."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from obce_core.formatting import amount

SHAPES = 6
"""Shapes that can be told apart at the size of a dot; of more categories the last shape gathers the rest."""

_LONGEST = 60


def dot_colours(name: str, values: Sequence[object]) -> dict[str, Any]:
    """Sort a column's values, one a text, into what dots can show, as plain data.

    Numbers with more than six different values become a ramp: `kind` "number", `of` the place of each between the
    smallest and the largest, 0 to 1 (None where a number is missing), `low` and `high` as written, `missing` a count.
    Anything else becomes categories: `kind` "category", `of` the category of each, `names` and `counts` by falling
    count, `others` how many rarer ones the last name stands for (0: none).

    >>> dot_colours("topic", ["art", "music", "art"])["names"]
    ['art', 'music']
    """
    numbers = [_number(value) for value in values]
    known_values = [number for number in numbers if number is not None]
    filled = sum(str(value).strip() != "" for value in values)
    colours: dict[str, Any]
    if len(known_values) == filled and len(set(known_values)) > SHAPES:
        low, high = min(known_values), max(known_values)
        places = [None if number is None else round((number - low) / (high - low), 4) for number in numbers]
        colours = {
            "kind": "number",
            "of": places,
            "low": _written(low),
            "high": _written(high),
            "missing": len(values) - len(known_values),
        }
    else:
        words = [_cut(str(value)) or "(empty)" for value in values]
        tally = Counter(words).most_common()
        own = len(tally) if len(tally) <= SHAPES else SHAPES - 1
        place = {word: min(at, own) for at, (word, _) in enumerate(tally)}
        names, counts = [word for word, _ in tally[:own]], [count for _, count in tally[:own]]
        if own < len(tally):
            names.append(f"{len(tally) - own} others")
            counts.append(sum(count for _, count in tally[own:]))
        colours = {
            "kind": "category",
            "of": [place[word] for word in words],
            "names": names,
            "counts": counts,
            "others": len(tally) - own,
        }
    colours["name"] = _cut(name)
    colours["signature"] = hashlib.sha256(json.dumps(colours, sort_keys=True).encode("ascii")).hexdigest()[:12]
    return colours


def _number(value: object) -> float | None:
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _written(number: float) -> str:
    return f"{int(number):,}".replace("-", "−") if number == int(number) and abs(number) < 1e9 else amount(number)


def _cut(text: str) -> str:
    clean = " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
    return clean if len(clean) <= _LONGEST else clean[: _LONGEST - 1] + "…"
