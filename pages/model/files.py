"""The downloads of a built model: the zip, code that loads it, commands, and exports for other tools."""

from __future__ import annotations

import io
import shlex
import zipfile
from pathlib import Path

import streamlit as st

from obce_core.compression.result import Compressed
from obce_core.export import is_export_of
from obce_core.export.formats import FORMATS
from obce_core.formatting import count
from pages._shared import layout
from pages.model import measurements

_ZIP_LIMIT = 1_000_000_000


def packed(folder: Path) -> bytes:
    """Return a folder as a zip file, uncompressed because weights do not compress."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, f"obce-model/{path.relative_to(folder).as_posix()}")
    return stream.getvalue()


def _commands(built: Compressed, original: str) -> str:
    folder, against = shlex.quote(str(built.folder)), shlex.quote(original)
    return (
        f"obce compress --analysis {built.analysis} --plan {shlex.quote(str(built.folder / 'pruning_plan.json'))} "
        f"--out my-model\n"
        f"obce verify {folder} --against {against}\n"
        f"obce latency {folder} --against {against}\n"
        + "\n".join(f"obce export {folder} --{name} my-model-{name}" for name in FORMATS)
    )


def take(built: Compressed, original: str) -> None:
    """Offer the model as a zip, its folder, code that loads it, and exports for other tools."""
    st.subheader("Download", anchor=False)
    if built.budget.bytes_left < _ZIP_LIMIT:
        st.download_button(
            "Download the model (zip)",
            lambda: packed(built.folder),
            "obce-model.zip",
            "application/zip",
            type="primary",
            icon=":material/download:",
            on_click="ignore",
        )
    else:
        layout.note("Too large for a download: copy the folder below.")
    st.code('import obce_core\n\nmodel, tokenizer = obce_core.load("obce-model")', language="python", wrap_lines=True)
    layout.note(
        f"<code>model.num_parameters()</code> gives the {count(built.budget.parameters_left)} parameters counted here. "
        "<code>sum(p.numel() for p in model.parameters())</code> may give more, because a cut layer is padded in "
        "memory to its "
        "widest head."
    )
    layout.note(
        'Without this package: <code>AutoModel.from_pretrained("obce-model", trust_remote_code=True)</code>. '
        "Its folder on this machine:"
    )
    st.code(str(built.folder), language=None, wrap_lines=True)
    with st.expander("The equivalent commands"):
        st.code(_commands(built, original), language="bash", wrap_lines=True)
    with st.expander("Export for other tools"):
        for row in FORMATS.values():
            # The folder is `model-onnx` and not `model.onnx`, which would look like a file.
            target = built.folder.with_name(f"{built.folder.name}-{row.name}")
            layout.note(f"<b>{row.title}</b>. {row.description}")
            if is_export_of(target, built.folder):
                st.download_button(
                    f"{row.title} (zip)",
                    lambda target=target: packed(target),
                    f"obce-{row.name}.zip",
                    "application/zip",
                    key=f"zip-{row.name}",
                    on_click="ignore",
                )
            else:
                options = {"model": str(built.folder), "out": str(target), "overwrite": target.exists()}
                missing = row.missing()
                reason = f"Not installed: {', '.join(missing)}" if missing else ""
                measurements.job(
                    f"Make {row.title}",
                    f"{row.kind}-{built.folder.name}",
                    row.kind,
                    options,
                    ":material/output:",
                    reason,
                )
                if missing:
                    layout.note(f"{reason}. Install with")
                    st.code(row.install_command, language="bash", wrap_lines=True)
