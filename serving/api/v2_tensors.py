"""The tensors of the Open Inference Protocol: columns of values, in JSON or in binary.

Binary data follows the JSON document of a body, as the protocol's extension ``binary_tensor_data``
has it: numbers in little-endian order, texts in UTF-8 after their length in four bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from struct import Struct, error
from typing import Any

import numpy as np

from churn_model.schema import RecordSchema
from churn_model.schema.column import Column, Kind
from serving.api.requests import reject_unknown, too_many_customers
from serving.http.errors import ApiError

DATATYPES: dict[Kind, str] = {
    "integer": "INT64",
    "number": "FP64",
    "boolean": "BOOL",
    "date": "BYTES",
    "category": "BYTES",
    "identifier": "BYTES",
}
CONTENT_TYPES = ("np", "pd", "str", "datetime")
"""Values of the parameter ``content_type``, with which clients of MLServer describe their data."""

_KEYS = ("name", "shape", "datatype", "parameters", "data")
_NUMBERS: dict[str, np.dtype[Any]] = {
    "INT64": np.dtype("<i8"),
    "FP64": np.dtype("<f8"),
    "BOOL": np.dtype("u1"),
}
_LENGTH = Struct("<I")
_SHOWN_CHARACTERS = 50


class BinaryData:
    """The binary data of a body, of which each tensor takes the next part."""

    def __init__(self, content: bytes) -> None:
        self._content = memoryview(content)
        self._start = 0

    def take(self, tensor: str, size: Any) -> memoryview:
        """The next ``size`` bytes. Raises ApiError 400 if there are fewer."""
        left = len(self._content) - self._start
        if type(size) is not int or not 0 <= size <= left:
            raise ApiError(400, f"{tensor}: binary_data_size must be an integer from 0 to {left}")
        self._start += size
        return self._content[self._start - size : self._start]

    def reject_rest(self) -> None:
        """Raise ApiError 400 if no tensor has taken some of the data."""
        if self._start < len(self._content):
            raise ApiError(400, "the body has more binary data than its tensors say")


def read_columns(
    tensors: Any, binary: BinaryData, schema: RecordSchema, max_rows: int
) -> tuple[dict[str, Sequence[Any]], int]:
    """Input tensors as columns of n plain values, and n.

    None stands for a missing value: ``null`` in JSON, and NaN in binary. As everywhere, the values
    are not converted, and fields that the model does not have are ignored. Raises ApiError 400 for
    tensors that do not fit the protocol or the schema, and 413 for more than ``max_rows``.
    """
    if not isinstance(tensors, list) or not tensors:
        raise ApiError(400, "inputs must be a list of tensors, one for each field")
    fields = {column.name: column for column in schema}
    columns: dict[str, Sequence[Any]] = {}
    sizes: set[int] = set()
    for tensor in tensors:
        name = _name(tensor)
        shown = f"the tensor {name[:_SHOWN_CHARACTERS]!r}"
        reject_unknown(shown, tensor, _KEYS)
        if name in columns:
            raise ApiError(400, f"{shown} occurs twice")
        n = _rows(shown, tensor.get("shape"), max_rows)
        _check_datatype(shown, tensor.get("datatype"), fields.get(name))
        columns[name] = _values(shown, tensor, binary, n, is_known=name in fields)
        sizes.add(n)
    if len(sizes) > 1:
        raise ApiError(400, "all tensors must have the same number of customers in their shape")
    return columns, sizes.pop()


def _name(tensor: Any) -> str:
    name = tensor.get("name") if isinstance(tensor, dict) else None
    if not isinstance(name, str):
        raise ApiError(400, "inputs must be a list of objects, each with the name of a tensor")
    return name


def _rows(tensor: str, shape: Any, max_rows: int) -> int:
    """The number of customers in a shape, which is ``[n]`` or ``[n, 1]``."""
    if (
        not isinstance(shape, list)
        or not all(type(size) is int and size >= 0 for size in shape)
        or len(shape) not in (1, 2)
        or shape[1:] not in ([], [1])
    ):
        raise ApiError(400, f"{tensor} must have the shape [n] or [n, 1] for n customers")
    n: int = shape[0]
    if n > max_rows:
        raise too_many_customers(max_rows)
    return n


def _check_datatype(tensor: str, datatype: Any, column: Column | None) -> None:
    if not isinstance(datatype, str):
        raise ApiError(400, f"{tensor} must have a datatype, such as FP64")
    if column is not None and datatype != DATATYPES[column.kind]:
        raise ApiError(
            400,
            f"{tensor} must have the datatype {DATATYPES[column.kind]}, because the field's kind "
            f"is {column.kind}",
        )


def _values(
    shown: str, tensor: dict[str, Any], binary: BinaryData, n: int, *, is_known: bool
) -> Sequence[Any]:
    """The values (n,) of a tensor; binary ones are only read if the model has the field."""
    parameters = read_parameters(shown, tensor, ("binary_data_size", "content_type"))
    data = tensor.get("data")
    if "binary_data_size" not in parameters:
        return _json_values(shown, data, tensor["shape"])
    part = binary.take(shown, parameters["binary_data_size"])
    if data is not None:
        raise ApiError(400, f"{shown} must have data in JSON or in binary, not both")
    # any number of unknown tensors may claim n values, so these must not take memory
    return _binary_values(shown, tensor["datatype"], part, n) if is_known else range(n)


def read_parameters(where: str, owner: dict[str, Any], known: Sequence[str]) -> dict[str, Any]:
    """The entry ``parameters`` of a part of the request. Raises ApiError 400."""
    parameters = owner.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise ApiError(400, f"{where}: parameters must be an object")
    reject_unknown(f"parameters of {where}", parameters, known)
    if parameters.get("content_type", CONTENT_TYPES[0]) not in CONTENT_TYPES:
        raise ApiError(400, f"{where}: content_type may be {', '.join(CONTENT_TYPES)}")
    return parameters


def _json_values(tensor: str, data: Any, shape: list[int]) -> Sequence[Any]:
    """Data in JSON: a list of n values, or for the shape [n, 1] also of n lists with one value."""
    if not isinstance(data, list) or len(data) != shape[0]:
        raise ApiError(400, f"{tensor} must have data: a list of as many values as its shape says")
    if len(shape) > 1 and all(isinstance(value, list) and len(value) == 1 for value in data):
        return [value for (value,) in data]
    return data


def _binary_values(tensor: str, datatype: str, part: memoryview, n: int) -> Sequence[Any]:
    if datatype == "BYTES":
        return list(_texts(tensor, part, n))
    number = _NUMBERS[datatype]
    if len(part) != n * number.itemsize:
        raise ApiError(400, f"{tensor} must have {number.itemsize} bytes for each customer")
    values = np.frombuffer(part, number)
    if datatype == "BOOL":
        if (values > 1).any():
            raise ApiError(400, f"{tensor} must have the bytes 0 and 1 only")
        return list(map(bool, values.tolist()))
    if datatype == "FP64" and (missing := np.isnan(values)).any():
        objects = values.astype(object)
        objects[missing] = None
        return objects.tolist()  # type: ignore[no-any-return]
    return values.tolist()  # type: ignore[no-any-return]


def _texts(tensor: str, part: memoryview, n: int) -> Iterator[str]:
    start = 0
    try:
        for _ in range(n):
            (length,) = _LENGTH.unpack_from(part, start)
            start += 4 + length
            if start > len(part):
                break
            yield str(part[start - length : start], "utf-8")
    except (error, UnicodeDecodeError):
        start = -1
    if start != len(part):
        raise ApiError(
            400, f"{tensor} must have for each customer a length in 4 bytes and a text in UTF-8"
        )


def binary_data(datatype: str, values: Sequence[Any]) -> bytes:
    """The values (n,) of an output tensor in binary."""
    if datatype == "BYTES":
        return b"".join(_with_length(values))
    return np.array(values, _NUMBERS[datatype]).tobytes()


def _with_length(texts: Iterable[str]) -> Iterator[bytes]:
    for text in texts:
        encoded = text.encode()
        yield _LENGTH.pack(len(encoded))
        yield encoded
