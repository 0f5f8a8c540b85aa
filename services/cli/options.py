"""Options that many commands have, alike."""

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Workspace = Annotated[Path, typer.Option("--workspace", help="The folder with successplays.yaml and plays/.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="At most so many, the newest first.")]
Account = Annotated[str | None, typer.Option("--account", help="Only of this account.")]
Play = Annotated[str | None, typer.Option("--play", help="Only of this play.")]
