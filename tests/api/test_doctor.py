"""``graven doctor``: one line per check, the engines among them."""

from __future__ import annotations

import sys

import pytest

from graven.api.doctor import doctor
from graven.io.bundle import list_bundles
from graven.predict.engines import choose_engine, installed_engines


def test_the_doctor_names_engines_models_and_the_choice() -> None:
    rows = {row.check: row for row in doctor()}
    assert {row.state for row in rows.values()} <= {"sound", "absent"}
    chosen = choose_engine()
    assert rows["engines"].detail.startswith(f"installed: {', '.join(installed_engines())}")
    assert rows["engines"].detail.endswith(f"auto takes {chosen.name} ({chosen.why})")
    for name in list_bundles():
        detail = rows[f"model {name}"].detail
        assert detail.startswith(chosen.name)
        assert "gives the stored answer" in detail
        assert " ms" in detail


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("openvino", "torch", "onnxruntime"):
        monkeypatch.setitem(sys.modules, library, None)
    rows = {row.check: row for row in doctor()}
    assert rows["engines"].state == "wrong"
    assert "not installed: openvino, torch, onnxruntime" in rows["engines"].detail
    assert "pip install openvino" in rows["engines"].detail
    assert all(rows[f"model {name}"].state == "wrong" for name in list_bundles())
