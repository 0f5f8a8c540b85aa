#!/usr/bin/env bash
# Make this machine ready: .venv from requirements.lock, Kafka's jars, npm's packages, and Debian's packages for the tests.
#
#   scripts/setup.sh              what `successplays` needs; what the tests need as far as it goes
#   scripts/setup.sh --complete   fails when something that the tests need is missing
#
# As root it installs missing packages; otherwise it names the command that does. Twice in a row changes nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3.11}
complete=${1:-}

say() { printf 'setup: %s\n' "$*"; }

# install PURPOSE PACKAGE...: as root. Otherwise names the command, and returns 1.
install() {
    local purpose=$1
    shift
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        say "installing $* ($purpose)"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
    else
        say "missing $purpose; install with: sudo apt-get install $*" >&2
        return 1
    fi
}

make_venv() {
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        install "Python 3.11" python3.11 python3.11-venv
    fi
    if [ ! -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        say "making .venv with $("$python" --version)"
        "$python" -m venv .venv
    fi
}

install_python_packages() {
    local wanted
    wanted=$(cat requirements.lock pyproject.toml | sha256sum)
    if [ "$(cat .venv/installed.sha256 2>/dev/null)" = "$wanted" ] && [ -x .venv/bin/successplays ]; then
        say "the packages of requirements.lock are there"
        return
    fi
    say "installing the packages of requirements.lock into .venv"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable .
    printf '%s\n' "$wanted" >.venv/installed.sha256
}

install_servers() {
    local missing=()
    [ -n "$(compgen -G '/usr/lib/postgresql/*/bin/postgres')" ] || command -v postgres >/dev/null || missing+=(postgresql)
    command -v java >/dev/null || missing+=(openjdk-17-jre-headless)
    command -v mvn >/dev/null || missing+=(maven)
    if [ ${#missing[@]} -gt 0 ]; then
        install "what the tests on PostgreSQL and Kafka need" "${missing[@]}"
    fi
}

fetch_kafka() {
    say "Kafka's jars (from Maven Central, into .build/kafka, when they are not there)"
    .venv/bin/python -c 'from scripts.kafka import fetch_jars; fetch_jars()'
}

fetch_node_packages() {
    say "SDKs for Node (from npm, into .build/node, when they are not there)"
    .venv/bin/python -c 'from scripts.node import fetch_packages; fetch_packages()'
}

make_venv
install_python_packages
if install_servers && fetch_kafka && fetch_node_packages; then
    say "done"
elif [ "$complete" = --complete ]; then
    say "the tests cannot run like this" >&2
    exit 1
else
    say "done; only \`make test\` needs what is missing"
fi
