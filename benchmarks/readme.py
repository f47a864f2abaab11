"""Print the README's tables of size and fidelity: the demo model cut in several ways, measured on held-out texts."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

WAYS = (
    ("The paper's way: `r_f`, mean + std of [CLS]", {}),
    ("`r_f`, mean of all tokens", {"compensation": "mean", "compensation_tokens": "all"}),
    ("`std_all`, mean of all tokens", {"criterion": "std_all", "compensation": "mean", "compensation_tokens": "all"}),
    ("Control: `random`, mean of all tokens", {"criterion": "random", "compensation": "mean", "compensation_tokens": "all"}),
)
PLANS = (
    ("P30", {"percentile": 30.0}),
    ("P50", {"percentile": 50.0}),
    ("P70", {"percentile": 70.0}),
    ("paper-scaled", {"preset": "paper-scaled"}),
)


def main() -> None:
    """Analyse the demo on 150 texts and cut it by every plan in every way."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["OBCE_CACHE"] = home
        import obce_core as obce

        analysis = obce.analyze("demo", "demo", n_texts=150, seed=0)
        for title, way in WAYS:
            print(f"\n{title}:\n")
            print("| plan | neurons cut | encoder left | model left | FLOPs left | masked = cut | cosine [CLS] | cosine mean-pooled |")
            print("|---|---|---|---|---|---|---|---|")
            for name, how in PLANS:
                built = obce.compress(analysis, obce.make_plan(analysis, **how, **way), Path(home) / "out", overwrite=True)
                size, close = built.budget, built.fidelity
                print(
                    f"| {name} | {size.neurons_cut:,} | {size.encoder_share:.1%} | {size.model_share:.1%} | "
                    f"{size.flops_left / size.flops:.1%} | {built.difference:.0e} | {close.cls:.3f} | {close.pooled:.3f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
