"""The guard of the tracked tree finds what it is for, and nothing else."""

from __future__ import annotations

import importlib.util
from pathlib import Path, PurePosixPath
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
SLASH = "/"  # keeps the examples below from being findings themselves


@pytest.fixture(scope="module")
def guard() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_tree", ROOT / "scripts" / "check_tree.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def look(guard: ModuleType, root: Path, **files: int | str) -> list[str]:
    """Write files (a size in bytes or a text) and return what the guard finds in them."""
    names = []
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else b"\0" * content)
        names.append(PurePosixPath(name))
    return list(guard.findings(root, names))


@pytest.mark.parametrize(
    "text",
    [
        f"cd {SLASH}root/project",
        f'open("{SLASH}home/ada/panel.tif")',
        f"see {SLASH}work/main",
        f"C:{chr(92)}Users{chr(92)}ada",
        "--extra-index" + "-url https://packages.example.org/simple",
        "https://py" + "pi.org/simple",
        "https://files.python" + "hosted.org/x.whl",
        "affine @ file:" + "///opt/x.whl",
    ],
)
def test_place_of_a_machine_is_found(guard: ModuleType, text: str) -> None:
    assert [number for number, _ in guard.places_in(f"fine\n{text}\n")] == [2]


@pytest.mark.parametrize(
    "text",
    [
        "docs/work/plan.md",
        f"https://example.org{SLASH}home/page",
        f"${{HOME}}{SLASH}work/x",
        f"a path such as {SLASH}data/panel.tif",
        "pip install -c constraints.txt .",
    ],
)
def test_path_inside_the_project_is_not(guard: ModuleType, text: str) -> None:
    assert list(guard.places_in(text)) == []


@pytest.mark.parametrize(
    ("name", "limit"),
    [("data.bin", 2**20), ("docs/pictures/panel.png", 300_000), ("src/graven/bundles/a/model.onnx", 8 * 2**20)],
)
def test_limit_of_a_file_is_the_last_size_allowed(guard: ModuleType, tmp_path: Path, name: str, limit: int) -> None:
    assert look(guard, tmp_path, **{name: limit}) == []
    (found,) = look(guard, tmp_path, **{name: limit + 1})
    assert str(limit) in found


def test_bundle_is_judged_as_a_whole(guard: ModuleType, tmp_path: Path) -> None:
    half = 5 * 2**20
    folder = "src/graven/bundles/a/"
    (found,) = look(guard, tmp_path, **{folder + "model.onnx": half, folder + "weights.safetensors": half})
    assert found.startswith("src/graven/bundles/a: 10485760 bytes")


def test_this_repository_is_clean(guard: ModuleType) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout; the guard looks at what git tracks")
    names = guard.tracked_files(ROOT)
    assert PurePosixPath("pyproject.toml") in names
    assert list(guard.findings(ROOT, names)) == []
