"""Reads structs in Thrift's compact protocol, in which Parquet writes its headers and footer."""

from __future__ import annotations

from typing import Any, TypeAlias

Struct: TypeAlias = dict[int, Any]
"""Values by field id: integers, structs, and lists of these. All others are None."""

_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
_INTEGERS = (4, 5, 6)


class Damaged(ValueError):
    """The bytes are not a struct."""


def read_struct(data: bytes, position: int) -> tuple[Struct, int]:
    """The struct at a position, and the position after it. Raises Damaged.

    A repeated field is damage: other readers merge the two, so they would see another struct.
    """
    try:
        return _struct(data, position)
    except (IndexError, RecursionError):
        raise Damaged("the struct is cut off or nested too deeply") from None


def _struct(data: bytes, position: int) -> tuple[Struct, int]:
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
        if field in fields:
            raise Damaged("a field is repeated")
        kind = head & 15
        if kind in _INTEGERS:
            fields[field], position = _integer(data, position)
        elif kind in (_TRUE, _FALSE):  # a field's value is its type; a list has a byte for each
            fields[field] = None
        else:
            fields[field], position = _value(data, position, kind)


def _value(data: bytes, position: int, kind: int) -> tuple[Any, int]:
    if kind in _INTEGERS:
        return _integer(data, position)
    if kind == _STRUCT:
        return _struct(data, position)
    if kind == _BINARY:
        length, position = _varint(data, position)
        return None, position + length
    if kind in (_LIST, _SET):
        return _list(data, position)
    if kind in (_TRUE, _FALSE, _BYTE):
        return None, position + 1
    if kind == _DOUBLE:
        return None, position + 8
    raise Damaged(f"type {kind} does not occur in Parquet")


def _list(data: bytes, position: int) -> tuple[list[Any], int]:
    head = data[position]
    length, position = head >> 4, position + 1
    if length == 15:
        length, position = _varint(data, position)
    values = []
    for _ in range(length):
        value, position = _value(data, position, head & 15)
        if position > len(data):
            raise Damaged("a list is cut off")
        values.append(value)
    return values, position


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
