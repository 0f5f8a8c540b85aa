"""What a person who reads the log is told of a batch, once it is stored."""

from services.rules.core.faults import ERROR
from services.rules.rows import Rows
from shared.instants import show_instant
from shared.telemetry import log_for

_log = log_for("rules")


def tell(rows: Rows) -> None:
    """One line per decision, once it is stored."""
    for run in rows.runs:
        run_id, play, version, account_id, subject, _, opened_at, *_, arm, _ = run
        opened = {"run_id": run_id, "play": play, "version": version, "account_id": account_id, "subject": subject, "arm": arm}
        _log.info("run opened", **opened, opened_at=show_instant(opened_at))
    for run_id, resolved_at, reason in rows.resolved:
        _log.info("run resolved", run_id=run_id, reason=reason, resolved_at=show_instant(resolved_at))
    for _, play, version, account_id, subject, at, reason, detail in rows.decisions:
        made = {"play": play, "version": version, "account_id": account_id, "subject": subject, "at": show_instant(at)}
        if reason == ERROR:
            _log.error("a play could not be judged", **made, detail=detail)
        else:
            _log.info("no ordinary run", reason=reason, **made)
