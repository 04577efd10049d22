"""The Parquet files of a snapshot: writing tables, and reading files that anyone may have written.

Arrow gets open files instead of paths, because it cannot encode a path that is not UTF-8.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa
import pyarrow.parquet as pq

from punkdata.errors import DataError, UsageError
from punkdata.schema import OPTIONAL_COLUMNS
from punkdata.snapshots.tables import validate_values

ROW_GROUP_SIZE = 1000
"""Number of rows in a Parquet row group, and in a batch when reading."""


def write_table(table: pa.Table, path: Path) -> None:
    """Write a new file with small row groups, so that readers can fetch a range of rows."""
    path.parent.mkdir(exist_ok=True)
    with path.open("xb") as file:
        pq.write_table(table, file, compression="zstd", row_group_size=ROW_GROUP_SIZE)


def read_table(
    path: Path,
    schema: pa.Schema,
    num_rows: int | None,
    columns: Sequence[str] | None,
    renamed: Mapping[str, str] = MappingProxyType({}),
) -> pa.Table:
    """Read a file, and check its number of rows, its column types and its values.

    `columns` are the columns to read, in this order; None reads all in the order of `schema`, then
    those that it does not have. A column of `OPTIONAL_COLUMNS` that the file lacks is null.
    `renamed` has the current names of columns that the file calls otherwise. Raises UsageError if
    there is no such column, and DataError if the file is missing or damaged.
    """
    try:
        # pq.read_table would import pandas and need twice the memory.
        with path.open("rb") as source, pq.ParquetFile(source, pre_buffer=False) as file:
            stored, rows = file.schema_arrow, file.metadata.num_rows
            found = pa.schema(f.with_name(renamed.get(f.name, f.name)) for f in stored)
            # Check before reading: a file of a few bytes can claim any number of rows.
            if rows != num_rows:
                raise pa.ArrowException(f"{rows} rows, but the manifest says {num_rows}")
            chosen = _choose_columns(columns, schema, found)
            absent = OPTIONAL_COLUMNS.intersection(chosen).difference(found.names)
            names = [name for name in chosen if name not in absent]
            fields = [found.field(name) for name in names]
            for field in fields:
                if field.name in schema.names and field.type != schema.field(field.name).type:
                    raise pa.ArrowException(f"column {field.name} has the type {field.type}")
            former = {current: name for name, current in renamed.items()}
            stored_names = [former.get(name, name) for name in names]
            batches = file.iter_batches(ROW_GROUP_SIZE, columns=stored_names, use_threads=False)
            table = pa.Table.from_batches(
                (batch.select(stored_names) for batch in batches),
                pa.schema([stored.field(name) for name in stored_names], stored.metadata),
            ).rename_columns(names)
        for field in [schema.field(name) for name in chosen if name in absent]:
            nulls = pa.nulls(rows, field.type)
            table = table.add_column(chosen.index(field.name), field, nulls)
        validate_values(table, schema)
        return table
    except UsageError:
        raise
    except PermissionError as error:
        raise DataError(
            f"'{path}' cannot be read ({error.strerror})", hint="ask its owner for read permission"
        ) from None
    # A missing column raises KeyError, and a column name that is not UTF-8 ValueError.
    except (pa.ArrowException, OSError, KeyError, ValueError, DataError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"'{path}' is missing or damaged ({reason})") from None


def _choose_columns(
    columns: Sequence[str] | None, schema: pa.Schema, found: pa.Schema
) -> Sequence[str]:
    """Return the names of the columns to read; raise UsageError unless all of them exist."""
    if columns is None:
        stored = OPTIONAL_COLUMNS.union(found.names)
        others = [name for name in found.names if name not in schema.names]
        return [*(name for name in schema.names if name in stored), *others]
    if isinstance(columns, str) or not columns:
        raise UsageError(f"columns must be a list of names, not {columns!r}")
    # A newer punkdata may have added columns, and an older one may lack some.
    known = {*schema.names, *found.names}
    for i, name in enumerate(columns):
        if not isinstance(name, str) or name not in known:
            hint = f"columns: {', '.join(found.names)}"
            raise UsageError(f"there is no column {name!r}", hint=hint)
        if name in columns[:i]:
            raise UsageError(f"columns contains {name!r} twice")
    return columns
