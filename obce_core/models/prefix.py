"""Recognise models whose tensors carry the prefix of a wrapper: `module.`, `_orig_mod.`, `model.`, …"""

from __future__ import annotations

import shlex
from collections.abc import Collection

from obce_core.architectures import Family
from obce_core.errors import ModelError, shorten
from obce_core.models.locate import WEIGHTS, ModelSource


def find_prefixes(names: Collection[str], expected: Collection[str], family: Family) -> list[str]:
    """Return the prefixes under which a file holds every expected tensor, in the order of the file.

    Args:
        names: tensor names as the file has them.
        expected: names relative to the base model.
    """
    first = next(iter(expected))
    canonical = {family.canonical(name) for name in names}
    wrapped = (name[: -len(first)] for name in map(family.canonical, names) if name.endswith("." + first))
    complete = [prefix for prefix in dict.fromkeys(wrapped) if all(prefix + name in canonical for name in expected)]
    # `module.bert.` is `module.` before the name that a model with a head has for its base
    return [prefix.removesuffix(family.root + ".") for prefix in complete if prefix != family.root + "."]


def wrong_prefix(source: ModelSource, prefixes: list[str]) -> ModelError:
    """Build the error for a file whose tensors carry a prefix, with the command that writes a folder without it."""
    first = prefixes[0]
    others = f" (and {len(prefixes) - 1} more)" if len(prefixes) > 1 else ""
    condition = f" if n.startswith({first!r})" if len(prefixes) > 1 else ""
    origin, needed = repr(str(source.folder)), "from safetensors.torch import load_file, save_file"
    if source.kind == "hub":
        origin, needed = (
            f"snapshot_download({source.name!r}, revision={source.revision!r})",
            f"{needed}; from huggingface_hub import snapshot_download",
        )
    code = (
        f"import shutil; {needed}; shutil.copytree({origin}, 'renamed', copy_function=shutil.copyfile); "
        f"f = 'renamed/{WEIGHTS}'; save_file({{n.removeprefix({first!r}): t for n, t in "
        f"load_file(f).items(){condition}}}, f, "
        "metadata={'format': 'pt'})"
    )
    return ModelError(
        f"The tensors of {WEIGHTS} begin with {shorten(first)!r}{others}, which a wrapper left; expected names "
        "without it.",
        hint=f"Write the folder renamed without it: python -c {shlex.quote(code)}",
    )
