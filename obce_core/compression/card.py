"""The model card of a compressed model: what was cut, what is left, and its fidelity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from obce_core.formatting import amount, share
from obce_core.models.check import ModelReport


def model_card(report: ModelReport, plan: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """Write the card as Markdown with a metadata header; every number is read from `facts`."""
    size, close = facts["budget"], facts["fidelity"]
    base = f"base_model: {report.source.name}\n" if report.source.kind != "folder" else ""
    prune_spec = plan["intent"]
    method, tokens = prune_spec["compensation"]["method"], prune_spec["compensation"]["tokens"]
    become = (
        "predicted from those that stay (least-squares over all tokens of the analysis's texts)"
        if method == "least-squares"
        else f"replaced by a constant ({method} over {tokens} tokens)"
    )
    lines = [
        f"---\n{base}library_name: transformers\ntags:\n- obce\n- pruning\n- bert\n---\n",
        f"# {report.source.name}, cut by OBCE\n",
        f"Neurons with the smallest `{prune_spec['criterion']}` of their layer and component were removed and "
        f"{become}, folded exactly into the weights that stay (arXiv 2312.10702). The plan is in `pruning_plan.json`, "
        "what the "
        "removed neurons became in `compensation.safetensors`.\n",
        "| | original | this model | left |\n|---|---|---|---|",
        _row("parameters", size, "parameters"),
        _row("of the encoder's layers", size, "encoder"),
        _row(f"FLOPs of the layers at {size['length']} tokens", size, "flops"),
        f"| neurons cut by the plan | | {size['neurons_cut']:,} of {size['neurons']:,} | |\n",
        f"Masked original against this model: largest difference {amount(facts['difference'], 2)} of the largest "
        "output "
        f"({facts['difference_texts']} texts, float32).\n",
        (
            f"Cosine to the original on {close['texts']} texts that were not used for the analysis: [CLS] "
            f"{close['cls']:.4f}, "
            f"mean-pooled {close['pooled']:.4f}.\n"
            if close
            else "Fidelity on held-out texts: not measured (no text was left for it).\n"
        ),
        '```python\nimport obce_core\n\nmodel, tokenizer = obce_core.load("path/to/this/folder")\n```\n',
        f"`model.num_parameters()` counts the {size['parameters_left']:,} stored parameters. "
        "`sum(p.numel() for p in model.parameters())` may count more: in memory a cut layer runs on matrices padded "
        "to its widest head.\n",
        "Without that package, by the modelling file in this folder (torch and transformers only):\n",
        "```python\nimport transformers\n\n"
        'model = transformers.AutoModel.from_pretrained("path/to/this/folder", trust_remote_code=True)\n```\n',
        "Tensors of the embeddings and the encoder must all be there; a task head that the file lacks starts at "
        "random.\n",
    ]
    return "\n".join(lines)


def _row(title: str, size: Mapping[str, Any], name: str) -> str:
    before, after = size[name], size[f"{name}_left"]
    return f"| {title} | {before:,} | {after:,} | {share(after / before)} |"
