import pytest

from serving.http.trace_context import continue_trace, new_trace

TRACE, PARENT = b"4bf92f3577b34da6a3ce929d0e0e4736", b"00f067aa0ba902b7"


@pytest.mark.parametrize(("flags", "sampled"), [(b"01", True), (b"00", False), (b"03", True)])
def test_a_trace_is_continued_with_a_span_of_its_own(flags, sampled):
    trace = continue_trace(b"-".join((b"00", TRACE, PARENT, flags)))
    assert trace[:2] == (TRACE, PARENT)
    assert trace.is_sampled == sampled
    assert trace.span_id != PARENT
    assert trace.header == b"-".join((b"00", TRACE, trace.span_id, b"01" if sampled else b"00"))
    assert continue_trace(trace.header).parent_id == trace.span_id


def test_a_later_version_may_say_more():
    assert continue_trace(b"-".join((b"cc", TRACE, PARENT, b"01", b"what", b"else"))) is not None


@pytest.mark.parametrize("sent", [b"%b ", b"%b \t", b"\t%b"])
def test_blanks_around_the_header_are_no_part_of_it(sent):
    assert continue_trace(sent % b"-".join((b"00", TRACE, PARENT, b"01"))) is not None


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"-".join((b"00", TRACE, PARENT)),
        b"-".join((b"00", TRACE, PARENT, b"01", b"more")),
        b"-".join((b"ff", TRACE, PARENT, b"01")),
        b"-".join((b"00", TRACE.upper(), PARENT, b"01")),
        b"-".join((b"00", b"0" * 32, PARENT, b"01")),
        b"-".join((b"00", TRACE, b"0" * 16, b"01")),
        b"-".join((b"00", TRACE, PARENT, b"01\r\nx: y")),
        b"-".join((b"00", TRACE, PARENT, b"01\n")),
        b"x" * 30_000,
    ],
)
def test_an_invalid_header_is_ignored(sent):
    assert continue_trace(sent) is None


def test_new_traces_differ():
    one, other = new_trace(), new_trace()
    assert one.trace_id != other.trace_id
    assert one.parent_id is None
