#!/usr/bin/env bash
# Resolve the bounds of pyproject.toml in a fresh environment and write constraints.txt. No index or host is recorded.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PY:-python3}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m venv "$work/env"
"$work/env/bin/python" -m pip --disable-pip-version-check install -q ".[all,dev,docs]"
sed -n '/^#/p' constraints.txt > "$work/constraints.txt"
"$work/env/bin/python" -m pip freeze --exclude graven >> "$work/constraints.txt"
if grep -nE '@ |://' "$work/constraints.txt"; then
  echo "the lines above name a place instead of a version; install these packages from the index" >&2
  exit 1
fi
mv "$work/constraints.txt" constraints.txt
