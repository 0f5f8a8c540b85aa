"""Files of rows: CSV, JSON Lines and Parquet, told by their names. Each row with its line, or what is wrong with it as a whole.

CSV and JSON Lines count lines from 1 (a CSV's header is line 1), Parquet counts rows from 1.
"""

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from services.cli.failures import WrongUsage
from shared.records import JsonObject

FORMATS = (".csv", ".jsonl", ".ndjson", ".parquet")

Values = Iterator[tuple[int, JsonObject | str]]


def values_in(file: Path) -> Values:
    """The rows of a file.

    Raises:
        WrongUsage: it cannot be read, or is of no kind that we know.
    """
    readers = {".csv": _csv, ".jsonl": _json_lines, ".ndjson": _json_lines, ".parquet": _parquet}
    reader = readers[format_of(file)]
    try:
        yield from reader(file)
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUsage(f"{file} cannot be read: {error}") from None


def format_of(file: Path) -> str:
    """How its name ends. Raises WrongUsage: it is none of ours."""
    ending = file.suffix.lower()
    if ending not in FORMATS:
        raise WrongUsage(f"{file}: the name must end with one of {', '.join(FORMATS)}")
    return ending


def columns_of(file: Path) -> list[str] | None:
    """The columns of a CSV or Parquet file; None for lines, each of which has its own. Raises WrongUsage."""
    ending = format_of(file)
    try:
        if ending == ".csv":
            with file.open(encoding="utf-8-sig", newline="") as opened:
                return next(csv.reader(opened, strict=True), [])
        return list(_parquet_schema(file)) if ending == ".parquet" else None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise WrongUsage(f"{file} cannot be read: {error}") from None


class Content:
    """What a look over a whole file tells: how many rows it has, about, and a name for exactly this content."""

    def __init__(self, file: Path) -> None:
        """Raises WrongUsage: it cannot be read."""
        hashed, lines = hashlib.sha256(), 0
        try:
            with file.open("rb") as opened:
                while chunk := opened.read(1 << 20):
                    hashed.update(chunk)
                    lines += chunk.count(b"\n")
        except OSError as error:
            raise WrongUsage(f"{file} cannot be read: {error}") from None
        self.name = hashed.hexdigest()[:16]
        self.rows = _parquet_rows(file) if format_of(file) == ".parquet" else lines


def _csv(file: Path) -> Values:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        reader = csv.DictReader(opened, restkey="", restval=None, strict=True)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise WrongUsage(f"{file}:{reader.line_num}: {error}") from None
            if "" in cells:
                yield reader.line_num, f"it has more cells than the header, which has {len(reader.fieldnames or ())}"
            elif None in cells.values():
                yield reader.line_num, f"it has fewer cells than the header, which has {len(reader.fieldnames or ())}"
            else:
                yield reader.line_num, dict(cells)


def _json_lines(file: Path) -> Values:
    with file.open(encoding="utf-8-sig") as opened:
        for number, line in enumerate(opened, 1):
            if not line.strip():
                continue
            try:
                values = json.loads(line)
            except ValueError as error:
                yield number, f"it is not JSON: {error}"
                continue
            yield number, values if isinstance(values, dict) else 'it is not a JSON object, such as {"account_id": "acme"}'


def _parquet(file: Path) -> Values:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as opened:
            rows: Iterable[JsonObject] = (row for batch in opened.iter_batches(5_000) for row in batch.to_pylist())
            yield from enumerate(rows, 1)
    except pa.ArrowException as error:
        raise WrongUsage(f"{file} cannot be read as Parquet: {error}") from None


def _parquet_schema(file: Path) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return list(pq.read_schema(file).names)
    except pa.ArrowException as error:
        raise WrongUsage(f"{file} cannot be read as Parquet: {error}") from None


def _parquet_rows(file: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(file).num_rows)
    except pa.ArrowException as error:
        raise WrongUsage(f"{file} cannot be read as Parquet: {error}") from None
