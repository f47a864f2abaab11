"""Load the sample that a text spec describes."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from obce_core.errors import TextsError
from obce_core.texts.draw import check_n, counted, distinct, draw
from obce_core.texts.sample import HELDOUT_LIMIT, Texts, check_seed
from obce_core.texts.sources.base import Progress, Request, TextSource
from obce_core.texts.sources.catalog import SOURCES, parse_source

DEFAULT_SHARE = 0.25
"""Of one's own texts, where all of them are asked for; otherwise those that are not drawn are held out."""


def load_texts(
    spec: str | os.PathLike[str],
    *,
    n: int | None = 150,
    seed: int = 0,
    column: str | None = None,
    split: str | None = None,
    glue_dir: str | os.PathLike[str] | None = None,
    heldout: str | os.PathLike[str] | None = None,
    minimum: int = 2,
    progress: Progress | None = None,
    sources: Mapping[str, TextSource] = SOURCES,
) -> Texts:
    """Read a source and draw a seeded sample of its different texts.

    Texts are freed of control characters and surrounding whitespace, empty ones dropped, equal ones kept once (the
    first), then `n` drawn without replacement by `numpy.random.default_rng(seed)`. The sample is in source order, not
    in the order of the draw. Same bytes, same options: same sample. Texts are never cut to a length here.

    Args:
        spec: `demo`, `wikipedia`, `glue:TASK`, or the path of a file.
        n: number of texts, at least `minimum`; None takes all (not for wikipedia, which has no end).
        seed: 0 to 2**32 - 1.
        column: the column with the texts, for tables.
        split: `periods` cuts a file's texts into sentences; None takes them as they are.
        glue_dir: folder of GLUE tasks (default: `OBCE_GLUE_DIR`, else the hub).
        heldout: what measures fidelity later. None: the texts that were not drawn. The path of a file: its texts in
            their place (`column` and `split` hold for it too). A share such as `25%`: at least so many of the texts are
            held out; fewer than `n` are drawn where that is needed. `auto`: 25% where all texts of a file are asked
            for, else None.
        minimum: the smallest number of different texts that will do.
        progress: called with (done, total) while a stream is read; may raise `Cancelled`.
        sources: the table of sources; tests hand in one with streams in memory.

    Raises:
        TextsError: a file that cannot be read, too few different texts, an option that does not apply.
        UnknownName: a source, GLUE task or split that does not exist; the known ones are listed.
        Offline: the hub is needed and cannot, or must not, be asked.
    """
    if isinstance(minimum, bool) or not isinstance(minimum, int) or minimum < 1:
        raise TextsError(f"the minimum number of texts must be a whole number of at least 1, got {minimum!r}.")
    check_seed(seed)
    check_n(n, minimum)
    source, argument = parse_source(spec, sources)
    share, heldout = _share(heldout)
    # Both files are checked before the long work begins.
    other = None if heldout is None else sources["file"].check(os.fspath(heldout))
    for option, value in (("column", column), ("split", split)):
        if value is not None and not (option in source.options or _fits_file(option, other)):
            raise TextsError(
                f"--{option} does not apply to {source.name}; it is for files.", hint=f"Leave --{option} out."
            )
    request = Request(
        argument=argument,
        n=n,
        seed=seed,
        column=column if "column" in source.options else None,
        split=split if "split" in source.options else None,
        glue_dir=None if glue_dir is None else Path(glue_dir),
        progress=progress,
    )
    raw = source.load(request)
    if share is None:
        share = DEFAULT_SHARE if source is sources["file"] and n in (None, len(distinct(raw).rows)) else 0.0
    sample = draw(raw, n=n, seed=seed, minimum=minimum, share=share)
    if other is None:
        return sample
    its_column = column if _fits_file("column", other) else None
    return _with_heldout(sample, Request(argument=other, column=its_column, split=split), sources["file"])


def heldout_of(option: str | os.PathLike[str] | None) -> str | os.PathLike[str] | None:
    """Return what `load_texts` takes for an analysis's option --heldout: nothing given is `auto`, `none` is None."""
    return "auto" if option is None else None if option == "none" else option


def heldout_file(option: str | os.PathLike[str] | None) -> str | os.PathLike[str] | None:
    """Return the file that an analysis's option --heldout names; None where it names a share, `none`, or nothing."""
    return _share(heldout_of(option))[1]


def _share(heldout: str | os.PathLike[str] | None) -> tuple[float | None, str | os.PathLike[str] | None]:
    """Return the share to hold out (None: the default of the source) and the file; one of them is empty."""
    if heldout == "auto":
        return None, None
    match = re.fullmatch(r"([0-9]{1,2}(?:\.[0-9]{1,3})?) ?%", os.fspath(heldout)) if heldout is not None else None
    return (0.0, heldout) if match is None else (float(match[1]) / 100, None)


def _fits_file(option: str, path: str | None) -> bool:
    """Return True if an option applies to a held-out file: plain text has no columns."""
    return path is not None and (option == "split" or not path.lower().endswith(".txt"))


def _with_heldout(sample: Texts, request: Request, source: TextSource) -> Texts:
    """Replace the held-out texts by a file's texts, less those of the sample."""
    raw = source.load(request)
    distinct_texts = distinct(raw)
    visible = set(sample.texts)
    kept_items = [text for text in distinct_texts.rows if text not in visible]
    if not kept_items:
        raise TextsError(f"{raw.name} has no text that is not in the sample.", hint="Give another --heldout.")
    notes = [f"Held-out texts are from {raw.source}."]
    if len(kept_items) < len(distinct_texts.rows):
        notes.append(
            f"{counted(len(distinct_texts.rows) - len(kept_items), 'held-out text')} in the sample and left out."
        )
    return replace(sample, heldout=tuple(kept_items[:HELDOUT_LIMIT]), notes=(*sample.notes, *notes))
