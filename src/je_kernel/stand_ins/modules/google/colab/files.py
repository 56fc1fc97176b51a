"""``google.colab.files``: uploads to and downloads from the notebook's folder."""

from __future__ import annotations

import uuid
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from je_kernel import runtime
from je_kernel.stand_ins.output import show, while_fresh

if TYPE_CHECKING:
    import os

_CHOOSER = """<div class="je-kernel-upload" id="{name}"><input type="file"{multiple}>
<button type="button">Cancel upload</button></div>
<script>(() => {{
  const chooser = document.getElementById("{name}");
  const channel = new BroadcastChannel("{name}");
  const send = (files) => {{
    channel.postMessage(files);
    channel.close();
    chooser.textContent = files.length ? "Uploaded." : "Upload cancelled.";
  }};
  chooser.querySelector("input").onchange = async ({{ target }}) => send(await Promise.all(
    [...target.files].map(async (file) => [file.name, await file.arrayBuffer()])));
  chooser.querySelector("button").onclick = () => send([]);
}})()</script>"""

_RECEIVE = """name => new Promise((resolve) => {
  const channel = new BroadcastChannel(name);
  channel.onmessage = ({ data }) => { channel.close(); resolve(data); };
})"""


def upload(target_dir: str = "") -> dict[str, bytes]:
    """Let the student choose files, and save them beside the notebook.

    Parameters
    ----------
    target_dir
        Another folder to save them in.

    Returns
    -------
    dict
        The content of each file, by its name.
    """
    chosen = _chosen(multiple=True)
    uploaded = {}
    for name, content in chosen:
        place = _free_place(Path(target_dir) / Path(name).name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        print(f"Saving {name} to {place}")
        uploaded[str(place)] = content
    return uploaded


def upload_file(filename: str) -> None:
    """Let the student choose one file, and save it under a name."""
    for _, content in _chosen(multiple=False):
        Path(filename).write_bytes(content)


def download(filename: str | os.PathLike[str]) -> None:
    """Download a file to the student's computer, and show a link that does it again.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    """
    path = Path(filename)
    content = path.read_bytes()
    url = _object_url(content)
    mark = f"download-{uuid.uuid4().hex}"
    script = while_fresh(f'document.getElementById("{mark}").click();')
    name = escape(path.name)
    show(
        f'<a id="{mark}" href="{escape(url)}" download="{name}">Download {name}</a>'
        f" (when the link no longer works, run the cell again){script}",
        f"Download {path.name}",
    )


def view(filepath: str | os.PathLike[str]) -> None:
    """Show a file's text below the cell."""
    print(Path(filepath).read_text("utf-8", errors="replace"))


def _chosen(*, multiple: bool) -> list[tuple[str, bytes]]:
    if not runtime.can_run_sync():
        names = input(
            "Upload the files with the button ⬆ above the list of files, then type their names"
            " here, with commas between them: "
        )
        wanted = [name.strip() for name in names.split(",") if name.strip()]
        return [(name, Path(name).read_bytes()) for name in wanted]
    from pyodide.code import run_js
    from pyodide.ffi import run_sync

    name = f"je-kernel-upload-{uuid.uuid4().hex}"
    receive = run_js(_RECEIVE)(name)
    show(
        _CHOOSER.format(name=name, multiple=" multiple" if multiple else ""),
        "Choose files to upload.",
    )
    return [(str(one[0]), one[1].to_bytes()) for one in run_sync(receive)]


def _free_place(place: Path) -> Path:
    """Return a name that no file has, as Colab does: ``a (1).csv``."""
    number = 0
    free = place
    while free.exists():
        number += 1
        free = place.with_stem(f"{place.stem} ({number})")
    return free


def _object_url(content: bytes) -> str:
    import base64

    if not runtime.in_browser():
        return f"data:application/octet-stream;base64,{base64.b64encode(content).decode()}"
    import js
    from pyodide.ffi import to_js

    return str(js.URL.createObjectURL(js.Blob.new(to_js([to_js(content)]))))
