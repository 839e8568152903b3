#!/usr/bin/env bash
# Build the wheel, install it into an empty environment outside the repository, and run the demo there.
# Fails if PyTorch can be imported, if graven comes from the repository, or if the demo leaves a file out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
repo=$PWD
base=$repo/${BASE_PYTHON:-.venv/bin/python}
unset PYTHONPATH PYTHONHOME

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pip() { "$1" -m pip --disable-pip-version-check -qq "${@:2}"; }

pip "$base" wheel --no-deps -w "$work/dist" "$repo"
"$base" -m venv "$work/env"
python=$work/env/bin/python
pip "$python" install -c "$repo/constraints.txt" "$work"/dist/graven-*.whl

cd "$work"
"$python" - "$repo" <<'PY'
import sys
from importlib.util import find_spec
from pathlib import Path

import graven

repo = Path(sys.argv[1])
for name in ("torch", "lightning", "timm"):
    if find_spec(name):
        sys.exit(f"{name} is installed here; the base must run without it")
where = Path(graven.__file__).resolve()
if where.is_relative_to(repo):
    sys.exit(f"graven was imported from the repository ({where}), not from the wheel")
PY

"$work/env/bin/graven" demo --quiet
for pattern in '*.html' '*_mask.tif' '*_prob.tif' '*_traces.gpkg' '*.geojson' '*.svg' '*.dxf' '*_report.html' measures.csv run.json; do
  found=$(find graven-demo -type f -name "$pattern" -size +0 -print -quit)
  [ -n "$found" ] || { echo "the demo from the wheel left no $pattern" >&2; exit 1; }
done
echo "demo from the wheel, without PyTorch: $(find graven-demo -type f | wc -l) files"
