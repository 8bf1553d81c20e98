#!/usr/bin/env python3
"""Writes Tests/Fuzz/corpus: what clients of each kind send, good and bad, in the form that Input.swift reads.

The hello of TLS is one that `openssl s_client` sends.
"""

import pathlib
import socket
import struct
import subprocess

folder = pathlib.Path(__file__).parent / "corpus"
CLEAR, HTTP1, HTTP2, HANDSHAKE, SECURE1, SECURE2 = range(6)

# Steps, as Input.Step reads them.
TAKE_ALL, REST, ALL, END, POLITE_END, QUIESCE, RESET = 0x54, 0xA0, 0xC0, 0xE0, 0xE1, 0xE2, 0xE3


def bring(bits):  # 2 ** bits bytes
    return bits


def take(bits):
    return 0x40 | bits


def turn(jobs):
    return 0x60 | jobs


def passes(bits):  # 2 ** bits milliseconds
    return 0x80 | bits


def write(name, mode, script, sent):
    (folder / name).write_bytes(bytes([mode, len(script), *script]) + sent)


def request(line, *fields, body=b""):
    return "\r\n".join([f"{line} HTTP/1.1", "host: localhost", *fields, "", ""]).encode() + body


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


# Names of the static table that are needed here (RFC 7541, appendix A).
METHOD, PATH, SCHEME, AUTHORITY = 2, 4, 6, 1


def literal(index, text):
    return bytes([index, len(text)]) + text.encode()


def field(name, value):
    return bytes([0, len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def head(path, method="GET", more=b""):
    return literal(METHOD, method) + literal(PATH, path) + b"\x86" + literal(AUTHORITY, "localhost") + more


DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
begin = preface + frame(SETTINGS, 0, 0) + frame(SETTINGS, 1, 0)
wide = frame(WINDOW, 0, 0, struct.pack(">I", 1 << 24))


def get(stream, path):
    return frame(HEADERS, 5, stream, head(path))


def post(stream, path, *parts, more=b"", end=True):
    frames = [frame(HEADERS, 4, stream, head(path, "POST", more))]
    for part in parts[:-1]:
        frames.append(frame(DATA, 0, stream, part))
    frames.append(frame(DATA, 1 if end else 0, stream, parts[-1]))
    return b"".join(frames)


def hello(*arguments):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        connection, _ = server.accept()
        with connection:
            sent = connection.recv(16 << 10)
        client.wait()
        return sent


ordinary = [ALL, REST, TAKE_ALL]
slowly = [bring(3), turn(2), take(9), passes(6)]
chunks = request(
    "POST /echo", "transfer-encoding: chunked", body=b"5\r\nhello\r\n400;x=y\r\n" + b"a" * 1024 + b"\r\n0\r\nt: u\r\n\r\n")
requests = {
    "hot": request("GET /hot"),
    "kept": request("GET /hot", 'if-none-match: "1"', "x-correlation-id: c"),
    "head": request("HEAD /hot") + request("HEAD /parts"),
    "cold": request("GET /cold", "accept-encoding: gzip"),
    "many": request("GET /hot") * 40 + request("GET /cold") * 8,
    "echo": request("POST /echo", "content-length: 5", body=b"hello"),
    "large": request("POST /count", "content-length: 70000", body=b"a" * 70000),
    "chunks": chunks + request("GET /hot"),
    "continue": request("POST /count", "expect: 100-continue", "content-length: 5", body=b"hello"),
    "ignored": request("POST /ignore", "transfer-encoding: chunked", body=b"5\r\nhello\r\n"),
    "parts": request("GET /parts"),
    "break": request("GET /break"),
    "wait": request("GET /wait") + request("GET /hot"),
    "old": b"GET /parts HTTP/1.0\r\n\r\n",
    "close": request("GET /cold", "connection: close") + request("GET /hot"),
    # More behind the last answer than one look at the socket brings.
    "last": request("GET /cold", "connection: close") * 100 + bytes(range(256)) * 8,
    "no-path": request("GET /nowhere") + request("OPTIONS *") + request("DELETE /hot"),
}
for name, sent in requests.items():
    write(f"http1-{name}", HTTP1, ordinary, sent)
    if len(sent) < 10_000:
        write(f"http1-{name}-slowly", HTTP1, slowly, sent)
        write(f"secure1-{name}", SECURE1, ordinary, sent)
flood = b"GET /hot HTTP/1.1\r\n\r\n" * 400 + b"GET /cold HTTP/1.1\r\n\r\n" * 100
for name, mode in {"http1": HTTP1, "secure1": SECURE1}.items():
    write(f"{name}-flood", mode, [bring(12), REST], flood)
    write(f"{name}-flood-at-once", mode | 128, [ALL], flood)
write("clear-hot", CLEAR, [bring(0), REST], requests["hot"])
write("clear-almost", CLEAR, [bring(2)], b"PRI * HTTP/2.0\r\n\r\nXM")
write("http1-no-body", HTTP1, [ALL, passes(15)], request("POST /echo", "content-length: 9", body=b"h"))
write("http1-no-stream", HTTP1, [ALL, REST, passes(15)], request("POST /echo", "transfer-encoding: chunked"))
write("http1-half-head", HTTP1, [ALL, passes(13)], b"GET /hot HT")
write("http1-two-lengths", HTTP1, ordinary, request("POST /echo", "content-length: 1", "content-length: 2", body=b"ab"))
write("http1-bad-chunk", HTTP1, ordinary, request("POST /echo", "transfer-encoding: chunked", body=b"zz\r\n"))
write("http1-long-head", HTTP1, ordinary, request("GET /hot", "a: " + "b" * 17000))
write("http1-many-fields", HTTP1, ordinary, request("GET /hot", *["a: b"] * 120))
write("http1-end", HTTP1, [ALL, END], requests["parts"])
write("http1-quiesce", HTTP1, [bring(5), turn(1), QUIESCE, ALL], requests["many"])
write("http1-deaf", HTTP1 | 128, [ALL, REST], requests["parts"])

sessions = {
    "hot": begin + get(1, "/hot") + get(3, "/hot"),
    "cold": begin + get(1, "/cold") + get(3, "/nowhere"),
    "parts": begin + wide + get(1, "/parts") + frame(WINDOW, 0, 1, struct.pack(">I", 1 << 20)),
    "echo": begin + post(1, "/echo", b"hello", b"world" * 100),
    "length": begin + post(1, "/count", b"hello", more=field("content-length", "5")),
    "large": begin + post(1, "/count", *[b"a" * 16000] * 3),
    "many": begin + wide + b"".join(get(2 * n + 1, "/hot" if n % 3 else "/cold") for n in range(100)),
    "reset": begin + b"".join(get(2 * n + 1, "/parts") + frame(RST, 0, 2 * n + 1, b"\0\0\0\x08") for n in range(20)),
    "continue": begin + post(1, "/echo", b"hello", more=field("expect", "100-continue")),
    "ignored": begin + post(1, "/ignore", b"hello", end=False),
    "wait": begin + get(1, "/wait") + get(3, "/hot") + frame(RST, 0, 1, b"\0\0\0\x08"),
    "break": begin + get(1, "/break"),
    "trailer": begin + post(1, "/echo", b"hello", end=False) + frame(HEADERS, 5, 1, field("a", "b")),
    "continuation": begin + frame(HEADERS, 1, 1, head("/hot")[:9]) + frame(CONTINUATION, 4, 1, head("/hot")[9:]),
    "padding": begin + frame(HEADERS, 0x2D, 1, b"\x04\0\0\0\0\x10" + head("/hot") + b"\0" * 4)
    + frame(DATA, 8, 1, b"\x02a\0\0"),
    "settings": preface + frame(SETTINGS, 0, 0, struct.pack(">HIHIHI", 1, 0, 4, 1, 5, 16384)) + get(1, "/parts"),
    "table": begin + frame(SETTINGS, 0, 0, struct.pack(">HI", 1, 4096)) + frame(HEADERS, 5, 1, b"\x3f\xe1\x1f" + head("/hot")),
    "ping": begin + frame(PING, 0, 0, b"12345678") * 20 + get(1, "/hot"),
    "goaway": begin + get(1, "/cold") + frame(GOAWAY, 0, 0, b"\0" * 8) + get(3, "/hot"),
    "no-window": begin + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0)) + get(1, "/hot") + get(3, "/parts"),
    "overflow": begin + frame(WINDOW, 0, 0, b"\x7f\xff\xff\xff") * 2,
    "long-head": begin + frame(HEADERS, 5, 1, head("/hot") + field("a", "b" * 120) * 130),
    "crumbs": begin + frame(HEADERS, 5, 1, head("/cold") + field("cookie", "a=b") + field("cookie", "c=d")),
}
for name, sent in sessions.items():
    write(f"http2-{name}", HTTP2, ordinary, sent)
    if len(sent) < 10_000:
        write(f"http2-{name}-slowly", HTTP2, slowly, sent)
        write(f"secure2-{name}", SECURE2, ordinary, sent)
write("clear-http2", CLEAR, [bring(3), REST], sessions["hot"])
# More than may wait for the reader, who begins late, and not all.
write("http1-late-reader", HTTP1, [ALL] * 5 + [REST], request("POST /count", "content-length: 400000", body=b"a" * 300000))
write("http2-deaf-many", HTTP2 | 128, [ALL, REST], sessions["many"])
write("http2-deaf", HTTP2 | 128, [ALL, REST], sessions["parts"])
write("http2-end", HTTP2, [bring(7), turn(3), END], sessions["parts"])
write("http2-quiesce", HTTP2, [bring(6), REST, QUIESCE, ALL, REST], sessions["many"])
write("http2-no-settings", HTTP2, [ALL, passes(13)], preface)

for name, arguments in {"1.3": ["-tls1_3"], "1.2": ["-tls1_2", "-alpn", "h2,http/1.1"], "other": ["-alpn", "ftp"]}.items():
    sent = hello(*arguments)
    write(f"hello-{name}", HANDSHAKE, [ALL, REST, TAKE_ALL], sent)
    write(f"hello-{name}-slowly", HANDSHAKE, slowly, sent)
write("hello-http", HANDSHAKE, ordinary, requests["hot"])
write("hello-end", HANDSHAKE, [bring(6), END], hello())
write("secure1-polite", SECURE1, [ALL, REST, POLITE_END], requests["cold"])
write("secure1-rude", SECURE1, [ALL, END], requests["cold"])
write("secure1-reset", SECURE1, [ALL, turn(1), RESET], requests["parts"])
write("secure1-deaf", SECURE1 | 128, [ALL, REST], requests["parts"])
write("secure2-deaf", SECURE2 | 128, [ALL, REST], sessions["parts"])
