"""The recorded, redacted answers beside this file, by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SAMPLES: dict[str, Any] = json.loads(Path(__file__).with_name("responses.json").read_text("utf-8"))
