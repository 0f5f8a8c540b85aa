"""The topics, by name. The prefix of a deployment (`SUCCESSPLAYS_TOPIC_PREFIX`) is put before them by the log."""

EVENTS = "events"
RUNS = "runs"
NOTIFICATIONS = "notifications"
ALL = (EVENTS, RUNS, NOTIFICATIONS)
