"""The machine's settings: the one place that reads the environment. Each `main` reads them once and passes values on."""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Settings(BaseModel):
    """What the environment says. Every field is one variable; `README.md` lists them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path = Field(default=Path(".successplays"), alias="SUCCESSPLAYS_DATA")
    host: str = Field(default="127.0.0.1", alias="SUCCESSPLAYS_HOST")
    port: int = Field(default=8080, ge=0, le=65535, alias="SUCCESSPLAYS_PORT")
    # Absent: the embedded log and SQLite, in the data folder.
    kafka_bootstrap_servers: str | None = Field(default=None, alias="KAFKA_BOOTSTRAP_SERVERS")
    database_url: SecretStr | None = Field(default=None, alias="DATABASE_URL")
    # The schema of this deployment in PostgreSQL, so that several can share a server.
    database_schema: str | None = Field(default=None, pattern="^[a-z_][a-z0-9_]{0,62}$", alias="SUCCESSPLAYS_DATABASE_SCHEMA")
    topic_prefix: str = Field(default="successplays.", pattern="^[A-Za-z0-9._-]{0,100}$", alias="SUCCESSPLAYS_TOPIC_PREFIX")
    partitions: int = Field(default=4, ge=1, le=1024, alias="SUCCESSPLAYS_PARTITIONS")
    replication: int = Field(default=1, ge=1, le=15, alias="SUCCESSPLAYS_REPLICATION")
    # A log opened for replay takes its times from the writer: tests, backtests, the sample.
    replay: bool = Field(default=False, alias="SUCCESSPLAYS_REPLAY")
    # The first write key, for automation.
    write_key: SecretStr | None = Field(default=None, alias="SUCCESSPLAYS_WRITE_KEY")
    # Under which the hashes of keys are kept; absent: the file `secret` in the data folder.
    secret: SecretStr | None = Field(default=None, min_length=16, alias="SUCCESSPLAYS_SECRET")
    url: str | None = Field(default=None, alias="SUCCESSPLAYS_URL")
    key: SecretStr | None = Field(default=None, alias="SUCCESSPLAYS_KEY")
    # After how many seconds without a sign of life a consumer's partitions go to another.
    session_timeout: float = Field(default=30, ge=1, le=300, alias="SUCCESSPLAYS_SESSION_TIMEOUT")
    # How many subjects' documents a rules worker keeps in memory, for each partition it owns.
    documents_in_memory: int = Field(default=50_000, ge=1, alias="SUCCESSPLAYS_DOCUMENTS_IN_MEMORY")
    # How often a rules worker tries a record alone at which it fails, before it becomes a dead letter.
    record_tries: int = Field(default=3, ge=1, le=100, alias="SUCCESSPLAYS_RECORD_TRIES")
    # What every key may send to one process of ingest: events a second, and so many at once after a pause.
    events_per_second: int = Field(default=20_000, ge=1, alias="SUCCESSPLAYS_EVENTS_PER_SECOND")
    events_at_once: int = Field(default=100_000, ge=1, alias="SUCCESSPLAYS_EVENTS_AT_ONCE")
    # Kafka's security, as aiokafka names it.
    kafka_security_protocol: str = Field(default="PLAINTEXT", alias="KAFKA_SECURITY_PROTOCOL")
    kafka_sasl_mechanism: str = Field(default="PLAIN", alias="KAFKA_SASL_MECHANISM")
    kafka_sasl_username: str | None = Field(default=None, alias="KAFKA_SASL_USERNAME")
    kafka_sasl_password: SecretStr | None = Field(default=None, alias="KAFKA_SASL_PASSWORD")
    kafka_ssl_cafile: Path | None = Field(default=None, alias="KAFKA_SSL_CAFILE")
    kafka_ssl_certfile: Path | None = Field(default=None, alias="KAFKA_SSL_CERTFILE")
    kafka_ssl_keyfile: Path | None = Field(default=None, alias="KAFKA_SSL_KEYFILE")


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings from the environment (or from a mapping, in a test). An empty variable is absent.

    Raises pydantic.ValidationError: a variable has a value that cannot be; the message names it.
    """
    given = os.environ if environment is None else environment
    known = {field.alias for field in Settings.model_fields.values()}
    return Settings.model_validate({name: value for name, value in given.items() if name in known and value})


def read_variable(name: str, environment: Mapping[str, str] | None = None) -> str | None:
    """One variable that the workspace names (`env:NAME`); an empty one is absent."""
    return (os.environ if environment is None else environment).get(name) or None
