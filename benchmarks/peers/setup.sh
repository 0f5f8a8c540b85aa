#!/usr/bin/env bash
# Install the peers of the benchmarks into .build/peers, from requirements.lock. Twice in a row changes nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."

peers=.build/peers
lock=benchmarks/peers/requirements.lock
if cmp --silent $lock $peers/installed.lock; then
    exit 0
fi
echo "peers: installing the packages of $lock into $peers"
"${PYTHON:-python3.11}" -m venv --clear $peers
$peers/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $lock
cp $lock $peers/installed.lock
