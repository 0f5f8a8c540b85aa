#!/usr/bin/env bash
# Pin every package with its hashes: requirements.lock for developers and the build, deploy/requirements.lock (a part of it) for
# the image. Without arguments what is pinned stays as it is; `scripts/lock.sh --upgrade` takes the newest that pyproject.toml allows.
set -euo pipefail
cd "$(dirname "$0")/.."

uv=.build/uv/bin/uv
if [ ! -x $uv ]; then
    "${PYTHON:-python3.11}" -m venv .build/uv
    .build/uv/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
fi
pin=($uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 pyproject.toml)
"${pin[@]}" --extra dev -o requirements.lock "$@"
rm -f deploy/requirements.lock
"${pin[@]}" --constraint requirements.lock -o deploy/requirements.lock - <<<"setuptools"
