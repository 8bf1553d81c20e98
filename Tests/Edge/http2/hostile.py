#!/usr/bin/env python3
"""Sends what no honest client sends to an HTTP/2 server in the clear and tells what it got.

    hostile.py PORT PATIENCE-SECONDS

For each input, other connections ask honestly meanwhile and must be answered. Prints a table (input, what it got) and
fails if an input got anything but what is expected of it. The server is closter-test-edge, whose clients get PATIENCE
where they would get seconds.
"""
import socket
import struct
import sys
import threading
import time

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset
from hpack import Decoder, Encoder
from hyperframe.frame import (
    ContinuationFrame, DataFrame, Frame, GoAwayFrame, HeadersFrame, PingFrame, PriorityFrame, RstStreamFrame,
    SettingsFrame, WindowUpdateFrame,
)

PORT, PATIENCE = int(sys.argv[1]), float(sys.argv[2])
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CODES = [
    "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
    "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
]
GET = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/cold")]
POST = [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/echo")]


def frame(kind, stream, payload=b"", flags=0):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


class Connection:
    """A connection that checks nothing of what it sends."""

    def __init__(self, preface=PREFACE, settings=None):
        self.socket = socket.create_connection(("127.0.0.1", PORT))
        self.socket.settimeout(0.05)
        self.encoder, self.decoder = Encoder(), Decoder()
        self.bytes = b""
        self.got = []
        self.is_open = True
        if preface:
            self.send(preface + SettingsFrame(0, settings=settings or {}).serialize())

    def send(self, data):
        self.read()
        view = memoryview(data)
        while self.is_open and view:
            try:
                view = view[self.socket.send(view):]
            except TimeoutError:
                self.read()
            except OSError:
                self.is_open = False
                self.read()

    def headers(self, stream, fields, end=True, flags=("END_HEADERS",)):
        made = HeadersFrame(stream, data=self.encoder.encode(fields))
        for flag in flags:
            made.flags.add(flag)
        if end:
            made.flags.add("END_STREAM")
        return made.serialize()

    def data(self, stream, payload, end=False):
        made = DataFrame(stream, data=payload)
        if end:
            made.flags.add("END_STREAM")
        return made.serialize()

    def read(self, block=False):
        """Takes what has come."""
        self.socket.settimeout(0.05 if block else 0.0)
        try:
            while True:
                more = self.socket.recv(1 << 16)
                if not more:
                    self.is_open = False
                    break
                self.bytes += more
        except (BlockingIOError, TimeoutError):
            pass
        except OSError:
            self.is_open = False
        self.socket.settimeout(0.05)
        while len(self.bytes) >= 9:
            made, length = Frame.parse_frame_header(memoryview(self.bytes[:9]))
            if len(self.bytes) < 9 + length:
                break
            made.parse_body(memoryview(self.bytes[9:9 + length]))
            self.bytes = self.bytes[9 + length:]
            self.take(made)

    def take(self, made):
        if isinstance(made, GoAwayFrame):
            self.got.append("GOAWAY " + CODES[made.error_code])
        elif isinstance(made, RstStreamFrame):
            self.got.append(f"RST {CODES[made.error_code]}")
        elif isinstance(made, HeadersFrame):
            status = dict(self.decoder.decode(made.data)).get(":status")
            self.got.append(str(status))

    def until(self, condition, seconds=10.0):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read(block=True)
            if condition():
                return True
            if not self.is_open:
                return condition()
        return False

    def outcome(self, seconds=10.0):
        """What it has got once the connection is closed or rests."""
        self.until(lambda: not self.is_open or self.got, seconds)
        self.until(lambda: not self.is_open, PATIENCE / 4)
        return self.seen()

    def seen(self):
        kinds = {}
        for got in self.got:
            kinds[got] = kinds.get(got, 0) + 1
        parts = [name if count == 1 else f"{name} x{count}" for name, count in kinds.items()]
        return ", ".join(parts + ([] if self.is_open else ["closed"])) or "nothing"


def honest():
    """An honest request by an honest library; true if it is answered in full."""
    sock = socket.create_connection(("127.0.0.1", PORT))
    sock.settimeout(10)
    h2 = H2Connection(H2Configuration(client_side=True))
    h2.initiate_connection()
    h2.send_headers(1, GET, end_stream=True)
    sock.sendall(h2.data_to_send())
    status, size = None, 0
    while True:
        more = sock.recv(1 << 16)
        if not more:
            return False
        for event in h2.receive_data(more):
            if isinstance(event, ResponseReceived):
                status = dict(event.headers).get(b":status") or dict(event.headers).get(":status")
            elif isinstance(event, DataReceived):
                size += len(event.data)
            elif isinstance(event, StreamReset):
                return False
            elif isinstance(event, StreamEnded):
                sock.close()
                return status in (b"200", "200") and size == 1024
        sock.sendall(h2.data_to_send())


class Others:
    """Asks honestly, again and again, and at least once."""

    def __enter__(self):
        self.are_answered, self.is_over = False, threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return self

    def run(self):
        try:
            self.are_answered = honest()
            while self.are_answered and not self.is_over.wait(0.02):
                self.are_answered = honest()
        except OSError:
            self.are_answered = False

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()


CASES = []


def case(name, expected):
    """`expected`: what must be among what it got; several: each must."""
    def add(function):
        CASES.append((name, [expected] if isinstance(expected, str) else expected, function))
        return function
    return add


@case("bad preface", "400")
def _():
    c = Connection(preface=None)
    c.send(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n")
    c.until(lambda: not c.is_open)
    c.got.append(c.bytes[9:12].decode())
    return c


@case("preface that stops half-way", "closed")
def _():
    c = Connection(preface=None)
    c.send(PREFACE[:10])
    return c


@case("preface without SETTINGS", ["GOAWAY ENHANCE_YOUR_CALM", "closed"])
def _():
    c = Connection(preface=None)
    c.send(PREFACE)
    return c


@case("preface, then a frame other than SETTINGS", ["GOAWAY PROTOCOL_ERROR", "closed"])
def _():
    c = Connection(preface=None)
    c.send(PREFACE + PingFrame(0, opaque_data=b"12345678").serialize())
    return c


@case("connection that rests", ["GOAWAY NO_ERROR", "closed"])
def _():
    return Connection()


@case("HEADERS that do not end", ["GOAWAY ENHANCE_YOUR_CALM", "closed"])
def _():
    c = Connection()
    c.send(c.headers(1, GET, flags=()))
    return c


@case("CONTINUATION flood", "closed")
def _():
    c = Connection()
    c.send(c.headers(1, GET, flags=()))
    for _ in range(2000):
        c.send(ContinuationFrame(1, data=b"").serialize())
    return c


@case("interleaved CONTINUATION", ["GOAWAY PROTOCOL_ERROR", "closed"])
def _():
    c = Connection()
    c.send(c.headers(1, GET, flags=()) + c.headers(3, GET))
    return c


@case("CONTINUATION of nothing", ["GOAWAY PROTOCOL_ERROR", "closed"])
def _():
    c = Connection()
    c.send(ContinuationFrame(1, data=b"", flags=("END_HEADERS",)).serialize())
    return c


@case("rapid reset, 2,000 streams", ["GOAWAY", "closed"])
def _():
    c = Connection()
    for number in range(2000):
        c.send(c.headers(2 * number + 1, GET) + RstStreamFrame(2 * number + 1, error_code=8).serialize())
    return c


@case("reset of writes, 2,000 streams", ["GOAWAY", "closed"])
def _():
    c = Connection()
    for number in range(2000):
        stream = 2 * number + 1
        c.send(c.headers(stream, POST, end=False) + RstStreamFrame(stream, error_code=8).serialize())
    return c


@case("PING flood, not read", "closed")
def _():
    c = Connection()
    ping = PingFrame(0, opaque_data=b"12345678").serialize() * 1000
    c.read = lambda block=False: None
    for _ in range(100):
        c.send(ping)
    del c.read
    return c


@case("PING flood, read", ["GOAWAY ENHANCE_YOUR_CALM", "closed"])
def _():
    c = Connection()
    for _ in range(3000):
        c.send(PingFrame(0, opaque_data=b"12345678").serialize())
    return c


@case("SETTINGS flood", ["GOAWAY ENHANCE_YOUR_CALM", "closed"])
def _():
    c = Connection()
    for _ in range(5000):
        c.send(SettingsFrame(0, settings={4: 65535}).serialize())
    return c


@case("SETTINGS of 1,000 entries", ["GOAWAY", "closed"])
def _():
    c = Connection()
    c.send(frame(4, 0, struct.pack(">HI", 4, 65535) * 1000))
    return c


@case("PRIORITY flood", ["GOAWAY ENHANCE_YOUR_CALM", "closed"])
def _():
    c = Connection()
    made = b"".join(
        PriorityFrame(2 * number + 1, depends_on=0, stream_weight=15).serialize() for number in range(1000))
    for _ in range(1000):
        c.send(made)
    return c


@case("empty DATA flood", ["GOAWAY ENHANCE_YOUR_CALM", "closed"])
def _():
    c = Connection()
    c.send(c.headers(1, POST, end=False))
    for _ in range(5000):
        c.send(c.data(1, b""))
    return c


@case("padding alone, flood", ["GOAWAY ENHANCE_YOUR_CALM", "closed"])
def _():
    c = Connection()
    c.send(c.headers(1, POST, end=False))
    for _ in range(5000):
        c.send(frame(0, 1, b"\x07" + bytes(7), flags=8))
    return c


@case("unknown frames, flood", ["GOAWAY ENHANCE_YOUR_CALM", "closed"])
def _():
    c = Connection()
    for _ in range(1000):
        c.send(frame(0xfa, 0, b"abc") * 1000)
    return c


@case("WINDOW_UPDATE flood", ["GOAWAY ENHANCE_YOUR_CALM", "closed"])
def _():
    c = Connection()
    for _ in range(5000):
        c.send(WindowUpdateFrame(0, window_increment=1).serialize())
    return c


@case("window of the connection overflows", ["GOAWAY FLOW_CONTROL_ERROR", "closed"])
def _():
    c = Connection()
    c.send(WindowUpdateFrame(0, window_increment=0x7fffffff).serialize() * 2)
    return c


@case("window of a stream overflows", ["RST FLOW_CONTROL_ERROR"])
def _():
    c = Connection()
    c.send(c.headers(1, POST, end=False) + WindowUpdateFrame(1, window_increment=0x7fffffff).serialize())
    return c


@case("WINDOW_UPDATE of 0", ["GOAWAY PROTOCOL_ERROR", "closed"])
def _():
    c = Connection()
    c.send(frame(8, 0, bytes(4)))
    return c


@case("SETTINGS with a window that is too large", ["GOAWAY FLOW_CONTROL_ERROR", "closed"])
def _():
    c = Connection()
    c.send(frame(4, 0, struct.pack(">HI", 4, 0x80000000)))
    return c


@case("more DATA than the window", "RST FLOW_CONTROL_ERROR")
def _():
    c = Connection()
    c.send(c.headers(1, POST, end=False) + frame(0, 1, bytes(16384)) * 200)
    return c


@case("DATA on a closed stream, flood", ["200", "GOAWAY ENHANCE_YOUR_CALM", "closed"])
def _():
    c = Connection()
    c.send(c.headers(1, GET))
    c.until(lambda: "200" in c.got)
    for _ in range(100):
        c.send(frame(0, 1, bytes(16384)) * 10)
    return c


@case("HPACK bomb", ["431"])
def _():
    c = Connection()
    c.send(c.headers(1, GET + [("x", "a" * 3900)]))
    c.send(frame(1, 3, c.encoder.encode(GET) + b"\xbe" * 15000, flags=5))
    return c


@case("HPACK: an index that is none", ["GOAWAY COMPRESSION_ERROR", "closed"])
def _():
    c = Connection()
    c.send(frame(1, 1, b"\xff\xff\xff\x7f", flags=5))
    return c


@case("HPACK: table larger than allowed", ["GOAWAY COMPRESSION_ERROR", "closed"])
def _():
    c = Connection()
    c.send(frame(1, 1, b"\x3f\xff\xff\x07" + c.encoder.encode(GET), flags=5))
    return c


@case("fields of 20 KB, and the next request", ["431", "200"])
def _():
    c = Connection()
    block = c.encoder.encode(GET + [("x", "a" * 20000)])
    c.send(frame(1, 1, block[:16000], flags=1) + frame(9, 1, block[16000:], flags=4) + c.headers(3, GET))
    c.until(lambda: len(c.got) > 1)
    return c


@case("200 fields, and the next request", ["431", "200"])
def _():
    c = Connection()
    c.send(c.headers(1, GET + [(f"x-{number}", "a") for number in range(200)]) + c.headers(3, GET))
    c.until(lambda: len(c.got) > 1)
    return c


for missing in (":method", ":scheme", ":path"):
    @case(f"no {missing}", ["RST PROTOCOL_ERROR"])
    def _(missing=missing):
        c = Connection()
        c.send(c.headers(1, [field for field in GET if field[0] != missing]))
        return c

for name, fields in [
    ("field in capitals", GET + [("X-A", "b")]),
    ("connection field", GET + [("connection", "close")]),
    ("transfer-encoding", GET + [("transfer-encoding", "chunked")]),
    ("te other than trailers", GET + [("te", "gzip")]),
    ("line feed in a value", GET + [("x", "a\nb: c")]),
    ("NUL in a value", GET + [("x", "a\0b")]),
    ("pseudo-field after a field", [("x", "a")] + GET),
    ("pseudo-field twice", GET + [(":path", "/")]),
    ("unknown pseudo-field", GET + [(":protocol", "websocket")]),
    ("pseudo-field of a response", GET + [(":status", "200")]),
    ("path without a slash", GET[:3] + [(":path", "cold")]),
    ("empty path", GET[:3] + [(":path", "")]),
    ("content-length without a body", GET + [("content-length", "5")]),
    ("two content-lengths", POST + [("content-length", "5"), ("content-length", "6")]),
    ("content-length that is none", POST + [("content-length", "-1")]),
]:
    @case(name, ["RST PROTOCOL_ERROR"])
    def _(fields=fields):
        c = Connection()
        block = b"".join(
            b"\x00" + bytes([len(n)]) + n.encode() + bytes([len(v)]) + v.encode() for n, v in fields)
        c.send(frame(1, 1, block, flags=5))
        return c


@case("CONNECT", ["400"])
def _():
    c = Connection()
    c.send(c.headers(1, [(":method", "CONNECT"), (":authority", "a:1")]))
    return c


@case("method that is none", ["RST PROTOCOL_ERROR"])
def _():
    c = Connection()
    c.send(c.headers(1, [(":method", "G T")] + GET[1:]))
    return c


@case("more body than announced", ["RST PROTOCOL_ERROR"])
def _():
    c = Connection()
    c.send(c.headers(1, POST + [("content-length", "2")], end=False) + c.data(1, b"abc", end=True))
    return c


@case("less body than announced", ["RST PROTOCOL_ERROR"])
def _():
    c = Connection()
    c.send(c.headers(1, POST + [("content-length", "5")], end=False) + c.data(1, b"abc", end=True))
    return c


@case("body that drips, whole", ["408"])
def _():
    c = Connection()
    c.send(c.headers(1, POST + [("content-length", "50")], end=False) + c.data(1, b"abc"))
    return c


@case("body that drips, streamed", ["408"])
def _():
    c = Connection()
    c.send(c.headers(1, POST, end=False) + c.data(1, b"abc"))
    return c


@case("window of 0 and a large answer", ["RST CANCEL"])
def _():
    c = Connection(settings={4: 0})
    c.send(c.headers(1, GET))
    c.until(lambda: "RST CANCEL" in c.got, 12 * PATIENCE)
    return c


@case("window of 0 and a stream without an end", ["RST CANCEL"])
def _():
    c = Connection(settings={4: 0})
    c.send(c.headers(1, [*GET[:3], (":path", "/endless")]))
    c.until(lambda: "RST CANCEL" in c.got, 12 * PATIENCE)
    return c


@case("answers that are not read, 128 streams", "closed")
def _():
    c = Connection(settings={4: 0x7fffffff})
    c.send(WindowUpdateFrame(0, window_increment=0x7fff0000 - 65535).serialize())
    c.send(b"".join(c.headers(2 * n + 1, [*GET[:3], (":path", "/endless")]) for n in range(128)))
    time.sleep(14 * PATIENCE)
    c.take = lambda made: None
    c.until(lambda: not c.is_open)
    return c


@case("DATA on a closed stream", "200")
def _():
    c = Connection()
    c.send(c.headers(1, GET))
    c.until(lambda: "200" in c.got)
    c.send(c.data(1, b"abc"))
    return c


@case("DATA on a stream that never was", ["GOAWAY PROTOCOL_ERROR", "closed"])
def _():
    c = Connection()
    c.send(c.data(7, b"abc"))
    return c


@case("DATA on stream 0", ["GOAWAY PROTOCOL_ERROR", "closed"])
def _():
    c = Connection()
    c.send(frame(0, 0, b"abc"))
    return c


@case("HEADERS on an even stream", ["GOAWAY PROTOCOL_ERROR", "closed"])
def _():
    c = Connection()
    c.send(c.headers(2, GET))
    return c


@case("streams that go backwards", "200")
def _():
    c = Connection()
    c.send(c.headers(5, GET) + c.headers(3, GET))
    return c


@case("a stream that depends on itself", ["GOAWAY PROTOCOL_ERROR", "closed"])
def _():
    c = Connection()
    c.send(frame(1, 1, struct.pack(">IB", 1, 15) + c.encoder.encode(GET), flags=0x25))
    return c


@case("300 streams at once", ["RST REFUSED_STREAM"])
def _():
    c = Connection()
    c.send(b"".join(c.headers(2 * n + 1, POST, end=False) for n in range(300)))
    return c


@case("frame larger than allowed", ["GOAWAY FRAME_SIZE_ERROR", "closed"])
def _():
    c = Connection()
    c.send(c.headers(1, POST, end=False) + frame(0, 1, bytes(16385)))
    return c


@case("PING of 7 bytes", ["GOAWAY FRAME_SIZE_ERROR", "closed"])
def _():
    c = Connection()
    c.send(frame(6, 0, bytes(7)))
    return c


@case("SETTINGS of 5 bytes", ["GOAWAY FRAME_SIZE_ERROR", "closed"])
def _():
    c = Connection()
    c.send(frame(4, 0, bytes(5)))
    return c


@case("padding longer than the frame", ["GOAWAY PROTOCOL_ERROR", "closed"])
def _():
    c = Connection()
    c.send(c.headers(1, POST, end=False) + frame(0, 1, b"\xff" + bytes(7), flags=8))
    return c


@case("RST of a stream that never was", ["GOAWAY PROTOCOL_ERROR", "closed"])
def _():
    c = Connection()
    c.send(RstStreamFrame(7, error_code=8).serialize())
    return c


@case("PUSH_PROMISE from a client", ["GOAWAY PROTOCOL_ERROR", "closed"])
def _():
    c = Connection()
    c.send(frame(5, 1, struct.pack(">I", 2) + c.encoder.encode(GET), flags=4))
    return c


@case("noise", ["GOAWAY", "closed"])
def _():
    c = Connection()
    c.send(bytes((n * 197 + 31) % 251 for n in range(1 << 16)))
    return c


def main():
    only = sys.argv[3:]
    failed = 0
    print(f"{'input':44} got")
    for name, expected, function in CASES:
        if only and not any(part in name for part in only):
            continue
        with Others() as others:
            connection = function()
            got = connection.outcome()
        answered = others.are_answered
        is_right = answered and all(part in got for part in expected)
        failed += not is_right
        note = "" if is_right else f"   FAILED: expected {', '.join(expected)}" + ("" if answered else ", others served")
        print(f"{name:44} {got}{note}", flush=True)
        connection.socket.close()
    sys.exit(1 if failed else 0)


main()
