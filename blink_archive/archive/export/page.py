"""``index.html``: one file that lists the clips and plays them, from the disk and without a network."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from itertools import groupby
from pathlib import Path
from typing import Any, TextIO

from .. import layout
from ..catalog import Catalog
from .facts import CLAIM, ExportFacts

_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)
_CLIPS = """
SELECT clips_view.clip, clips_view.camera, clips_view.network, clips.source, clips.created_local,
  clips.local_day, clips.path, clips.thumbnail_path, clips.duration, clips.bytes, clips.labels,
  clips.own_labels, clips.description, clips.note, clips.starred_at, clips.unproven,
  substr(coalesce(clips.remote_deleted_at, clips.delete_confirmed_at), 1, 10) AS deleted
FROM clips JOIN clips_view USING (id) ORDER BY clips.local_day, clips.created_at, clips.id
"""


def write_page(extract: Catalog, path: Path, facts: ExportFacts, *, about: str, missing: str) -> None:
    """Write the page, with its clips as data that no browser takes for markup. ``about`` says in a sentence
    what is in the export, ``missing`` what is not."""
    template = Path(__file__).with_name("index.html").read_text(encoding="utf-8")
    head, tail = template.replace("%POLICY%", _policy(template)).split("%DATA%")
    with path.open("w", encoding="utf-8") as file:
        file.write(head)
        _write_data(extract, file, {"about": about, "missing": missing, "claim": CLAIM})
        file.write(tail)


def _policy(template: str) -> str:
    """What the page may load: its own script and style, known by their hashes, and files that lie beside it.
    Whatever a name holds, nothing else runs, and nothing is sent anywhere."""
    hashes = {
        kind: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for kind, text in _INLINE.findall(template)
    }
    inline = "; ".join(f"{kind}-src 'sha256-{digest}'" for kind, digest in sorted(hashes.items()))
    files = "img-src 'self' file: data:; media-src 'self' file:"
    return f"default-src 'none'; base-uri 'none'; form-action 'none'; {inline}; {files}"


def _write_data(extract: Catalog, file: TextIO, said: dict[str, str]) -> None:
    """``days``, each with its clips: [id, camera, source, time, file, thumbnail, seconds, bytes, more], where
    camera and source count in the lists that follow, and a thumbnail named as its clip is 1."""
    cameras: dict[Any, int] = {}
    sources: dict[Any, int] = {}
    file.write(_inert(said)[:-1] + ', "days": [')
    for number, (day, rows) in enumerate(groupby(extract.db.query(_CLIPS), key=lambda row: row["local_day"])):
        file.write(f"{',' if number else ''}\n[{_inert(day)}, [")
        for place, row in enumerate(rows):
            camera = cameras.setdefault((row["camera"], row["network"]), len(cameras))
            source = sources.setdefault(row["source"], len(sources))
            file.write(f"{',' if place else ''}\n{_inert(_entry(row, camera, source))}")
        file.write("]]")
    file.write(f'], "cameras": {_inert(list(cameras))}, "sources": {_inert(list(sources))}}}')


def _entry(row: dict[str, Any], camera: int, source: int) -> list[Any]:
    thumbnail = row["thumbnail_path"]
    labels = [*json.loads(row["labels"] or "[]"), *json.loads(row["own_labels"] or "[]")]
    more = {name: row[name] for name in ("description", "note", "unproven", "deleted") if row[name]}
    more |= {"labels": labels} if labels else {}
    more |= {"starred": 1} if row["starred_at"] else {}
    entry = [
        row["clip"],
        camera,
        source,
        row["created_local"][11:],
        row["path"],
        1 if thumbnail == layout.thumbnail_path(row["path"]) else thumbnail,
        row["duration"],
        row["bytes"],
    ]
    return [*entry, more] if more else entry


def _inert(value: object) -> str:
    """JSON in which nothing can end the element that it is in, or begin another."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
