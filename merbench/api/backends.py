"""Where the tasks of a run are done."""

from __future__ import annotations

from typing import Literal

Backend = Literal["local", "dask"]
BACKENDS: tuple[Backend, ...] = ("local", "dask")
