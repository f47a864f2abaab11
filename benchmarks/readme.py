"""Print the README's tables: sizes of the paper's models, and the demo model cut in several ways, measured on held-out
texts."""

from __future__ import annotations

import os
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.models import BASE, LARGE, made_up
from obce_core.components import COMPONENTS, TITLES
from obce_core.formatting import share
from obce_core.plan import make_plan, plan_size_table

if TYPE_CHECKING:
    from obce_core.compression.result import Compressed

WAYS = (
    ("The paper's way: `r_f`, mean + std of [CLS]", {}),
    ("`r_f`, mean of all tokens", {"compensation": "mean", "compensation_tokens": "all"}),
    ("`std_all`, mean of all tokens", {"criterion": "std_all", "compensation": "mean", "compensation_tokens": "all"}),
    (
        "Control: `random`, mean of all tokens",
        {"criterion": "random", "compensation": "mean", "compensation_tokens": "all"},
    ),
)
PLANS = (
    ("P30", {"percentile": 30.0}),
    ("P50", {"percentile": 50.0}),
    ("P70", {"percentile": 70.0}),
    ("paper-scaled", {"preset": "paper-scaled"}),
)
COMPENSATIONS = (
    ("mean+std, `cls` (the paper)", "mean+std", "cls"),
    ("mean+std, `all`", "mean+std", "all"),
    ("mean, `cls`", "mean", "cls"),
    ("mean, `all`", "mean", "all"),
    ("zero", "zero", "cls"),
    ("least-squares", "least-squares", "all"),
)


def sizes() -> None:
    """Count BERT Base under the paper's Table 2 by component and in sum, and the readings of both of the paper's
    models."""
    base, large = made_up("BERT Base", BASE), made_up("BERT Large", LARGE)
    table = plan_size_table(base, make_plan(base, preset="paper-bert-base"))
    print("| BERT Base, 12 layers | neurons | kept by the plan | rows stored | extra key rows | parameters | left |")
    print("|---|---|---|---|---|---|---|")
    for component in COMPONENTS:
        rows = [entry for entry in table.entries if entry.component == component]
        names = ("neurons", "kept", "rows", "extra", "parameters", "parameters_left")
        print(
            f"| {TITLES[component]} | "
            + " | ".join(f"{sum(getattr(entry, name) for entry in rows):,}" for name in names)
            + " |"
        )
    for part, title in (("layers", "LayerNorms of the layers"), ("embeddings", "Embeddings"), ("pooler", "Pooler")):
        print(f"| {title} | | | | | {table.parts[part]:,} | {table.parts[part]:,} |")
    print("\n| BERT Base | parameters | left | bytes in float32 | left |\n|---|---|---|---|---|")
    for scope in table.scopes:
        left = f"{scope.parameters_left:,} ({share(scope.parameters_left / scope.parameters, 2)})"
        print(f"| {scope.name} | {scope.parameters:,} | {left} | {scope.bytes:,} | {scope.bytes_left:,} |")
    flops = f"{table.flops_left:,} ({share(table.flops_left / table.flops, 2)})"
    print(f"| FLOPs of the layers, {table.length} tokens | {table.flops:,} | {flops} | | |")
    print("\n| | parameters left | of total | encoder only | encoder after / nominal size |\n|---|---|---|---|---|")
    for analysis, preset in ((base, "paper-bert-base"), (large, "paper-bert-large")):
        table = plan_size_table(analysis, make_plan(analysis, preset=preset))
        for what, left, found in (
            ("as stored", table.total.parameters_left, table.readings),
            ("by the paper's convention", table.paper_left, table.paper_readings),
        ):
            shares = " | ".join(share(value, 2) for value in (found.of_total, found.encoder_only, found.of_nominal))
            shares += f" of {table.claim.nominal // 10**6}M"
            print(f"| {table.claim.model} {what} | {left:,} | {shares} |")


def main() -> None:
    """Analyse the demo on 150 texts, cut it by every plan in every way, then by r_f with every compensation."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["OBCE_CACHE"] = home
        import obce_core as obce

        analysis = obce.analyze("demo", "demo", n_texts=150, seed=0)

        @cache
        def build(name: str, criterion: str, compensation: str, tokens: str) -> Compressed:
            plan = obce.make_plan(
                analysis,
                **dict(PLANS)[name],
                criterion=criterion,
                compensation=compensation,
                compensation_tokens=tokens,
            )
            return obce.compress(analysis, plan, Path(home) / "out", overwrite=True)

        for title, way in WAYS:
            print(f"\n{title}:\n")
            print(
                "| plan | neurons cut | encoder left | model left | FLOPs left | masked = cut | cosine [CLS] | cosine "
                "mean-pooled |"
            )
            print("|---|---|---|---|---|---|---|---|")
            for name, _ in PLANS:
                built = build(
                    name,
                    way.get("criterion", "r_f"),
                    way.get("compensation", "mean+std"),
                    way.get("compensation_tokens", "cls"),
                )
                size, close = built.budget, built.fidelity
                print(
                    f"| {name} | {size.neurons_cut:,} | {share(size.encoder_share)} | {share(size.model_share)} | "
                    f"{share(size.flops_share)} | {built.difference:.0e} | {close.cls:.3f} | {close.pooled:.3f} |",
                    flush=True,
                )
        print("\nEvery compensation, by `r_f`: cosine [CLS] / mean-pooled (encoder left):\n")
        print("| compensation | " + " | ".join(name for name, _ in PLANS) + " |")
        print("|---|" + "---|" * len(PLANS))
        for title, compensation, tokens in COMPENSATIONS:
            cells = []
            for name, _ in PLANS:
                built = build(name, "r_f", compensation, tokens)
                cells.append(
                    f"{built.fidelity.cls:.3f} / {built.fidelity.pooled:.3f} ({share(built.budget.encoder_share)})"
                )
            print(f"| {title} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    sizes()
    if sys.argv[1:] != ["sizes"]:
        main()
