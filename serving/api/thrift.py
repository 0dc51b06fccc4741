"""Reads structs in Thrift's compact protocol, in which Parquet writes its headers and footer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Fields: TypeAlias = Mapping[int, "Fields | None"]
"""Fields to read, by id: None for an integer; for a struct, and for a list of structs, the fields
to read of it. All other fields are skipped, which takes half the time."""

Struct: TypeAlias = dict[int, Any]
"""Values by field id: integers, structs, and lists of structs."""

_BOOLEANS, _INTEGERS, _BINARY, _LISTS, _STRUCT = (1, 2), (4, 5, 6), 8, (9, 10), 12


class Damaged(ValueError):
    """The bytes are not a struct."""


def read_struct(data: bytes, position: int, wanted: Fields) -> tuple[Struct, int]:
    """The struct at a position, and the position after it. Raises Damaged.

    A wanted field that occurs twice is damage: other readers merge the two, so they would see
    another struct.
    """
    try:
        return _struct(data, position, wanted)
    except (IndexError, RecursionError):
        raise Damaged("the struct is cut off or nested too deeply") from None


def _struct(data: bytes, position: int, wanted: Fields) -> tuple[Struct, int]:
    fields: Struct = {}
    field = 0
    while True:
        head = data[position]
        position += 1
        if head == 0:
            return fields, position
        if head >> 4:
            field += head >> 4
        else:
            field, position = _integer(data, position)
        kind = head & 15
        if field not in wanted:
            if kind not in _BOOLEANS:  # whose value is their type
                position = _SKIP[kind](data, position)
        elif field in fields:
            raise Damaged("a field is repeated")
        else:
            fields[field], position = _value(data, position, kind, wanted[field])


def _value(data: bytes, position: int, kind: int, wanted: Fields | None) -> tuple[Any, int]:
    if wanted is None and kind in _INTEGERS:
        return _integer(data, position)
    if wanted is not None and kind == _STRUCT:
        return _struct(data, position, wanted)
    if wanted is not None and kind in _LISTS:
        return _structs(data, position, wanted)
    raise Damaged("a field has another type")


def _structs(data: bytes, position: int, wanted: Fields) -> tuple[list[Struct], int]:
    length, kind, position = _list_head(data, position)
    if length and kind != _STRUCT:
        raise Damaged("a field has another type")
    values = []
    for _ in range(length):
        value, position = _struct(data, position, wanted)
        values.append(value)
    return values, position


def _list_head(data: bytes, position: int) -> tuple[int, int, int]:
    """The length of a list, the type of its elements, and the position of the first one."""
    head = data[position]
    length, position = head >> 4, position + 1
    if length == 15:
        length, position = _varint(data, position)
    return length, head & 15, position


def _integer(data: bytes, position: int) -> tuple[int, int]:
    value = data[position]
    if value < 128:  # most integers take one byte
        return (value >> 1) ^ -(value & 1), position + 1
    value, position = _varint(data, position)
    return (value >> 1) ^ -(value & 1), position


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
    raise Damaged("an integer is too long")


# --- functions that return the position after a value ---------------------------------------------


def _skip_struct(data: bytes, position: int) -> int:
    """Integers and strings of few bytes are skipped without a call."""
    while True:
        head = data[position]
        position += 1
        if head == 0:
            return position
        if head < 16:
            position = _skip_integer(data, position)
        kind = head & 15
        if kind in _INTEGERS and data[position] < 128:
            position += 1
        elif kind == _BINARY and data[position] < 128:
            position += 1 + data[position]
        elif kind not in _BOOLEANS:
            position = _SKIP[kind](data, position)


def _skip_list(data: bytes, position: int) -> int:
    length, kind, position = _list_head(data, position)
    skip = _SKIP[kind]
    for _ in range(length):
        position = skip(data, position)
        if position > len(data):
            raise Damaged("a list is cut off")
    return position


def _skip_integer(data: bytes, position: int) -> int:
    if data[position] < 128:
        return position + 1
    return _varint(data, position)[1]


def _skip_binary(data: bytes, position: int) -> int:
    length, position = _varint(data, position)
    return position + length


def _skip_byte(_: bytes, position: int) -> int:
    return position + 1


def _skip_double(_: bytes, position: int) -> int:
    return position + 8


def _unknown(_: bytes, __: int) -> int:
    raise Damaged("a type does not occur in Parquet")


_SKIP: tuple[Callable[[bytes, int], int], ...] = (
    _unknown,
    _skip_byte,  # true and false, which take a byte only in a list
    _skip_byte,
    _skip_byte,
    _skip_integer,
    _skip_integer,
    _skip_integer,
    _skip_double,
    _skip_binary,
    _skip_list,
    _skip_list,  # a set
    _unknown,  # a map
    _skip_struct,
    *(_unknown,) * 3,
)
"""How to skip a value, by its type in the compact protocol."""
