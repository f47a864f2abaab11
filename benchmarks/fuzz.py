"""Claim: no reader of foreign files raises anything but this package's own errors, and none stalls on a small file.

`make fuzz` gives every reader 100,000 adversarial documents: valid ones, cut, spliced and repeated ones, deep nesting,
    escaped
quotes, long numbers, duplicate keys, other encodings. It records cases, seconds, the processor time of the slowest case
and how many were accepted.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from obce_core.architectures import family_of
from obce_core.architectures.config import parse_config, read_fields, read_labels
from obce_core.errors import ObceError, PlanError
from obce_core.models.tokenizer_limits import check_tokenizer
from obce_core.models.weights import read_header
from obce_core.plan.plan_file import parse_document
from obce_core.plan.serialize import parse_prune_spec
from obce_core.storage.yaml_input import parse_yaml
from obce_core.texts import load_texts, text_columns

RESULT = Path(__file__).parent / "results" / "fuzz.json"
CASES = 100_000
SLOW_SECONDS = 2.0
QUICK = ("config", "plan-json", "plan-yaml", "header", "tokenizer")
"""Readers held to that time; those of texts take time in proportion to the rows, of which a file of 800 bytes may claim
1.5 million."""

MEMORY_FOLDER = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Files of a case lie in memory where that is possible: a disk would be what is measured."""

_MARKS = [
    b'"',
    b'\\"',
    b"\\",
    b"\\\\",
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b":",
    b"\n",
    b"\r\n",
    b"\r",
    b"\t",
    b";",
    b"|",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"#",
    b"- ",
    b"? ",
    b"&a ",
    b"*a",
    b"!!x ",
    b"---\n",
    b"...\n",
    b"'",
    b"e",
    b"E",
    b"-",
    b"+",
    b".",
    b"0",
    b"9",
    b"_",
    b" ",
    b"\\ud800",
    b"\\u0000",
    b"NaN",
    b"Infinity",
    b"true",
    b"null",
    b"1e999",
    b"sep=;\n",
    b"\xe2\x80\xa8",
    b"\xf0\x9f\x98\x80",
    b"%TAG ",
    b"|\n",
    b">\n",
]


def mutate(draw: random.Random, seed: bytes) -> bytes:
    """Damage a valid document: splice, cut, repeat, insert marks; now and then thousands of them."""
    raw = bytearray(seed)
    for _ in range(draw.choice((0, 1, 1, 2, 3, 8))):
        at, mark = draw.randrange(len(raw) + 1), draw.choice(_MARKS)
        kind = draw.randrange(7)
        if kind == 0:
            raw[at:at] = mark
        elif kind == 1:
            raw[at:at] = mark * draw.choice((2, 8, 40, 300))
        elif kind == 2:
            del raw[at : at + draw.choice((1, 3, 20))]
        elif kind == 3:
            stop = at + draw.randrange(1, 40)
            raw[at:at] = raw[at:stop] * draw.choice((1, 2, 30))
        elif kind == 4:
            raw = raw[:at]
        elif kind == 5 and raw:
            raw[at % len(raw)] = draw.randrange(256)
        else:
            raw[at:at] = str(draw.choice((0, -1, 2**31, 2**63, 10**30, 1e-5, 1e308))).encode()
    if draw.random() < 0.002:  # large, but below each limit of size
        at = draw.randrange(len(raw) + 1)
        raw[at:at] = draw.choice(_MARKS) * draw.choice((2_000, 20_000))
    return bytes(raw)


CONFIG = json.dumps(
    {
        "model_type": "bert",
        "vocab_size": 99,
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 8,
        "layer_norm_eps": 1e-12,
        "hidden_act": "gelu",
        "id2label": {"0": "no", "1": "yes"},
    }
).encode()
INTENT = {
    "criterion": "r_f",
    "seed": 0,
    "first_layer": 3,
    "cells": {"3": {"query": 30, "value": 12.5}},
    "keep": [{"layer": 3, "component": "query", "neurons": [1, 2], "reason": "a reason"}],
    "drop": [],
    "compensation": {"method": "mean+std", "tokens": "cls"},
    "hardware": {"round_to": 8, "per_head": True},
}
YAML = (
    b"criterion: r_f\nseed: 0\ncells:\n  3: {query: 30.5, key: 1.0e-05}\n"
    b"keep:\n- layer: 3\n  component: query\n  neurons: [1, 2]\n  reason: 'x'\n"
)
HEADER = json.dumps(
    {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]},
        "b": {"dtype": "I8", "shape": [], "data_offsets": [8, 9]},
    }
).encode()
TOKENIZER = json.dumps(
    {
        "normalizer": {
            "type": "Sequence",
            "normalizers": [{"type": "Replace", "pattern": {"String": "a"}, "content": "bb"}, {"type": "NFC"}],
        },
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": " +"}},
        "model": {"type": "WordPiece", "max_input_chars_per_word": 100},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"Sequence": {"id": "A"}}],
            "special_tokens": {"x": {"ids": [1]}},
        },
    }
).encode()
TXT = b"one text here\nanother text\n\n third text \n"
CSV = b'text,label\n"one, ""two""",0\nthree four,1\n"five\nsix",2\n'
SEMICOLON = b"sep=;\ntext;label\none two;0\nthree four;1\n"
TSV = b"text\tlabel\none two\t0\nthree four\t1\n"
JSONL = (
    b'{"text": "one two", "label": 0}\n{"text": "three \\u00e9", "label": null}\n{"text": "five", "more": [1, '
    b'{"a": 2}]}\n'
)


def _config(raw: bytes, _: Path) -> None:
    config = parse_config(raw)
    read_fields(config, family_of("bert").fields)
    read_labels(config)


def _header(raw: bytes, home: Path) -> None:
    path = home / "model.safetensors"
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + bytes(9))
    read_header(path)


def _tokenizer(raw: bytes, home: Path) -> None:
    path = home / "tokenizer.json"
    path.write_bytes(raw)
    check_tokenizer(path)


def _texts(ending: str) -> Callable[[bytes, Path], None]:
    def read(raw: bytes, home: Path) -> None:
        path = home / f"a.{ending}"
        path.write_bytes(raw)
        if ending != "txt":
            text_columns(path)
        load_texts(path, n=None)

    return read


def _parquet_seed() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": ["one two", "three four", None], "label": [0, 1, 2]}), sink)
    return bytes(sink.getvalue().to_pybytes())


READERS: dict[str, tuple[Callable[[bytes, Path], None], tuple[bytes, ...]]] = {
    "config": (_config, (CONFIG,)),
    "plan-json": (lambda raw, _: _intent(parse_document(raw, "p.json")), (json.dumps(INTENT).encode(),)),
    "plan-yaml": (lambda raw, _: _intent(parse_yaml(raw, "p.yaml", error=PlanError)), (YAML,)),
    "header": (_header, (HEADER,)),
    "tokenizer": (_tokenizer, (TOKENIZER,)),
    "txt": (_texts("txt"), (TXT,)),
    "csv": (_texts("csv"), (CSV, SEMICOLON, TSV)),
    "tsv": (_texts("tsv"), (TSV, CSV)),
    "jsonl": (_texts("jsonl"), (JSONL,)),
    "parquet": (_texts("parquet"), ()),
}


def _intent(document: Any) -> None:
    parse_prune_spec(document)


def fuzz(name: str, cases: int, home: Path, seed: int = 0) -> dict[str, Any]:
    """Give a reader so many documents; return what happened. An error that is not this package's own is raised."""
    read, seeds = READERS[name]
    seeds = seeds or (_parquet_seed(),)
    draw, ends, slowest = random.Random(f"{name} {seed}"), Counter[str](), (0.0, 0)
    started = time.perf_counter()
    for case in range(cases):
        raw = mutate(draw, draw.choice(seeds))
        before = time.process_time()
        try:
            read(raw, home)
            ends["accepted"] += 1
        except ObceError as error:
            ends[type(error).__name__] += 1
            if "\n" in str(error) or len(str(error)) > 2_000:
                raise AssertionError(f"{name} case {case}: the message is not one readable line") from error
        except BaseException as error:
            raise AssertionError(f"{name} case {case}: {type(error).__name__} on {raw[:400]!r}") from error
        slowest = max(slowest, (time.process_time() - before, len(raw)))
    seconds = time.perf_counter() - started
    return {
        "cases": cases,
        "seconds": round(seconds, 1),
        "slowest_ms": round(1000 * slowest[0], 1),
        "slowest_bytes": slowest[1],
        "ends": dict(ends.most_common()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("readers", nargs="*", default=list(READERS))
    chosen = parser.parse_args()
    found: dict[str, Any] = json.loads(RESULT.read_text("utf-8")) if RESULT.exists() else {}
    slow = []
    for name in chosen.readers:
        with tempfile.TemporaryDirectory(dir=MEMORY_FOLDER) as home:
            found[name] = fuzz(name, chosen.cases, Path(home), chosen.seed)
        print(f"{name}: {json.dumps(found[name])}", flush=True)
        slow += [name] if name in QUICK and found[name]["slowest_ms"] > 1000 * SLOW_SECONDS else []
        if chosen.cases >= CASES:
            RESULT.write_text(
                json.dumps({key: found[key] for key in READERS if key in found}, indent=1) + "\n", "utf-8"
            )
    if slow:
        sys.exit(f"A case took more than {SLOW_SECONDS:g} s: {', '.join(slow)}.")


if __name__ == "__main__":
    main()
