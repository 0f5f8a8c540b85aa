#!/usr/bin/env bash
# Install wrk, the load of `python -m benchmarks ingest`, from Debian when root; otherwise name the command. Twice changes nothing.
set -euo pipefail

if command -v wrk >/dev/null; then
    exit 0
elif [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "benchmarks: installing wrk"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends wrk >/dev/null
else
    echo "benchmarks: wrk is missing; install it with: sudo apt-get install wrk" >&2
    exit 1
fi
