"""Structs in Thrift's compact protocol, byte by byte.

A field begins with a byte: how much its id is larger than the one before, and its type. A zero byte
ends the struct. Integers are in zigzag: 42 is written as 84.
"""

import pytest

from serving.api.thrift import Damaged, read_struct

I32, BINARY, LIST, STRUCT = 0x15, 0x18, 0x19, 0x1C
LONG_I32 = b"\x05"  # the id follows as an integer


@pytest.mark.parametrize(
    ("data", "wanted", "expected"),
    [
        (bytes([I32, 84, 0]), {1: None}, {1: 42}),
        (bytes([I32, 84, I32, 2, 0]), {2: None}, {2: 1}),
        (bytes([BINARY, 3, *b"abc", I32, 2, 0]), {2: None}, {2: 1}),
        (bytes([0x11, 0x12, I32, 2, 0]), {3: None}, {3: 1}),  # booleans are their types
        (bytes([0x13, 9, 0x17, *range(8), I32, 2, 0]), {3: None}, {3: 1}),  # byte, double
        (LONG_I32 + bytes([40, 2, 0]), {20: None}, {20: 1}),
        (bytes([STRUCT, *LONG_I32, 40, 2, 0, I32, 2, 0]), {2: None}, {2: 1}),
        (bytes([LIST, 0x23, 1, 2, I32, 2, 0]), {2: None}, {2: 1}),
        (bytes([LIST, 0xF3, 20, *range(20), I32, 2, 0]), {2: None}, {2: 1}),
        (bytes([LIST, 0x2C, I32, 2, 0, I32, 4, 0, 0]), {1: {1: None}}, {1: [{1: 1}, {1: 2}]}),
        (bytes([STRUCT, I32, 2, 0, 0]), {1: {1: None, 2: None}}, {1: {1: 1}}),
        (bytes([0]), {1: None}, {}),
    ],
)
def test_wanted_fields_are_read_and_others_are_skipped(data, wanted, expected):
    assert read_struct(b"\xff" + data + b"rest", 1, wanted) == (expected, 1 + len(data))
    for end in range(len(data)):
        with pytest.raises(Damaged):
            read_struct(data[:end], 0, wanted)


@pytest.mark.parametrize(
    ("data", "wanted", "message"),
    [
        (LONG_I32 + b"\x02\x02" + LONG_I32 + b"\x02\x04\0", {1: None}, "repeated"),
        (bytes([BINARY, 1, 65, 0]), {1: None}, "another type"),
        (bytes([I32, 2, 0]), {1: {}}, "another type"),
        (bytes([LIST, 0x15, 2, 0]), {1: {1: None}}, "another type"),
        (bytes([0x1B, 0, 0]), {}, "does not occur"),  # a map
        (bytes([LIST, 0xF3, 100, 1, 2]), {}, "cut off"),
        (bytes([STRUCT]) * 100_000, {}, "nested too deeply"),
        (bytes([I32, *b"\xff" * 20, 0]), {1: None}, "too long"),
    ],
)
def test_what_is_no_struct_is_damaged(data, wanted, message):
    with pytest.raises(Damaged, match=message):
        read_struct(data, 0, wanted)
