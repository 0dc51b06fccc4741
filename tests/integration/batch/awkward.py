"""Invalid customers: each has one error, of every kind that a format can carry."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pyarrow as pa

GOOD = {
    "customer_id": "G",
    "age": 42,
    "tenure": 12,
    "monthly_charges": 70.5,
    "total_charges": 846.0,
}

# --- JSON -----------------------------------------------------------------------------------------

_VALUES = [
    None, 0, 1, -1, 35, 120, 121, 300, 2**31, 2**53, 2**63 - 1, -(2**63), -0.5, 0.0, 30.0, 30.5,
    1e308, -1e308, 5e-324, "", "35", "30.5", "x", "NaN", "2024-01-31", True, False,
    [], [35], {}, {"a": 1},
]  # fmt: skip
_IDS = ["", " ", "客户-١٢٣", "🙂", "a,b", 'a"b', "a\nb", "\x00", "NULL", "G", "G", "é", "e\u0301"]


def json_customers() -> list[dict]:
    """About 200 valid and invalid customers; ids are in many scripts, and some are duplicates."""
    customers = [
        GOOD | {"customer_id": f"{field}-{i}", field: value}
        for field in ("age", "tenure", "monthly_charges", "total_charges")
        for i, value in enumerate(_VALUES)
    ]
    customers += [GOOD | {"customer_id": identifier} for identifier in _IDS]
    customers += [GOOD | {"customer_id": value} for value in (None, 5, 1.5, True, [], {})]
    customers += [
        {name: value for name, value in GOOD.items() if name != omitted} for omitted in GOOD
    ]
    three_errors = {"age": -1, "tenure": None, "monthly_charges": "x"}
    customers += [GOOD | three_errors, {}, GOOD | {"more": [1]}]
    for i, age in enumerate(range(18, 63)):
        customers.append(GOOD | {"customer_id": f"good-{i}", "age": age, "total_charges": None})
    return customers


# --- typed tables -------------------------------------------------------------------------------


def typed_tables() -> list[pa.Table]:
    """One table for each type that a numerical field or an identifier may have.

    The four numerical fields have the same cells, each shifted by one row from the field before.
    """
    inf, nan = float("inf"), float("nan")
    day, moment = datetime.date(2024, 1, 31), datetime.datetime(2024, 1, 31)
    good = [1, 2, 3, 4, 5]
    halves = [Decimal(n) for n in good]
    columns = [
        pa.array([*good, None, -1, 120, 121, 2**31, 2**62], pa.int64()),
        pa.array([*good, None, -1, 120], pa.int32()),
        pa.array([*good, 2**63], pa.uint64()),
        pa.array([*good, 0.0, None, 30.5, -0.5, nan, inf, -inf, 1e308, 2.0**53], pa.float64()),
        pa.array([*good, 1.5, None], pa.float32()),
        pa.array(["1", None, "x", "30.5"], pa.string()),
        pa.array([*halves, None, Decimal("30.50"), Decimal("-1")], pa.decimal128(10, 2)),
        pa.array([*halves, Decimal(10) ** 30], pa.decimal128(38, 0)),
        pa.array([day, None], pa.date32()),
        pa.array([moment, None], pa.timestamp("us", "UTC")),
        pa.array([True, None, False], pa.bool_()),
        pa.array([b"1", None], pa.binary()),
        pa.array([[1], None], pa.list_(pa.int64())),
    ]
    tables = []
    for column in columns:
        n = len(column)
        cells = {"customer_id": pa.array([f"C{i}" for i in range(n)])}
        for shift, field in enumerate(("age", "tenure", "monthly_charges", "total_charges")):
            cells[field] = column.take(pa.array([(i + shift) % n for i in range(n)]))
        tables.append(pa.table(cells))
    identifiers = [
        pa.array(["客户", None, "", "🙂", "G", "G"], pa.string()),
        pa.array([1, None], pa.int64()),
        pa.array([day, None], pa.date32()),
    ]
    for column in identifiers:
        records = [GOOD | {"customer_id": str(i)} for i in range(len(column))]
        tables.append(pa.Table.from_pylist(records).set_column(0, "customer_id", column))
    return tables


# --- CSV ------------------------------------------------------------------------------------------

CSV = """\ufeffcustomer_id , age,tenure,monthly_charges,total_charges,note
c1,42,12,70.5,846,plain
c2, 42 ,12,70.5,,blanks
c3,42.0,12,7e1,846,a float
c4,42.5,12,70.5,846,a fraction
c5,-1,12,70.5,846,negative
c6,forty,12,70.5,846,words
c7,,12,70.5,846,missing
c8,NA,12,70.5,NA,missing
c9,42,12,"70,5",846,a comma
c10,42,12,1e999,846,too large
c11,42,12,nan,nan,not a number
c12,42,12,inf,846,infinite
c13,42,12,1_000,846,underscores
c14,42,12,0x10,846,hexadecimal
c15,42,12,70.5
c16,42,12,70.5,846,x,y
,42,12,70.5,846,no id
" c17 ",42,12,70.5,846,"an id
with blanks, a note of two lines"
"c""18",42,12,70.5,846,quotes
客户🙂,42,12,70.5,846,unicode
c1,42,12,70.5,846,twice
c19,1e400,12,70.5,846,too large
c20,true,12,70.5,846,boolean
c21,2024-01-31,12,70.5,846,a date
c22,42,9223372036854775808,70.5,846,too long
c23,+42,12,.5,5.,odd but numbers
"""


def csv_bytes() -> bytes:
    """The same, with an id that is not valid UTF-8."""
    return CSV.encode() + b"c\xff24,42,12,70.5,846,bytes\n"
