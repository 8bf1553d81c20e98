#!/usr/bin/env python3
"""Sends what no honest client sends to an HTTP/1.1 server in the clear and tells what it got.

    hostile.py PORT PATIENCE-SECONDS

For each input, another connection asks honestly meanwhile and must be answered. Prints a table (input, what it got) and
fails if an input got anything but what is expected of it. The server is closter-test-edge, whose clients get PATIENCE
where they would get seconds.
"""
import http.client
import re
import socket
import sys
import time

PORT, PATIENCE = int(sys.argv[1]), float(sys.argv[2])
GET = b"GET /cold HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: a\r\n"


def honest():
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=10)
    connection.request("GET", "/cold")
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status == 200 and len(body) == 1024


def exchange(parts, pause=0.0, reads=True):
    """Sends the parts, and tells the statuses that came and whether the connection was closed."""
    with socket.create_connection(("127.0.0.1", PORT)) as sock:
        sock.settimeout(8 * PATIENCE + 2)
        try:
            for part in parts:
                sock.sendall(part)
                time.sleep(pause)
        except OSError:
            pass
        if not reads:
            time.sleep(6 * PATIENCE)
        got, is_closed = b"", False
        try:
            while not is_closed:
                more = sock.recv(1 << 20)
                is_closed = not more
                got = (got + more)[-(1 << 20):]
        except TimeoutError:
            pass
        except OSError:
            is_closed = True
        statuses = re.findall(rb"HTTP/1\.1 (\d\d\d) ", got)
        kinds = list(dict.fromkeys(status.decode() for status in statuses))
        told = [kind + (f" x{count}" if count > 1 else "") for kind in kinds
                if (count := statuses.count(kind.encode()))]
        return ", ".join(told + (["closed"] if is_closed else ["open"]))


def slowly(text, size=1):
    return [text[at:at + size] for at in range(0, len(text), size)]


END_OF_HEAD = b"\r\n"
CASES = [
    ("nothing at all", "closed", [b""], {}),
    ("half a head", "408, closed", [GET], {}),
    ("a head, a byte at a time", "408, closed", slowly(GET + END_OF_HEAD), {"pause": PATIENCE / 8}),
    ("noise", "400, closed", [bytes((n * 197 + 31) % 251 for n in range(1 << 16))], {}),
    ("a TLS handshake", "400, closed", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)], {}),
    ("line of 20 KB", "431, closed", [b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"], {}),
    ("field of 20 KB", "431, closed", [GET + b"x: " + b"a" * 20_000 + b"\r\n\r\n"], {}),
    ("fields of 20 KB together", "431, closed", [GET + b"".join(b"x-%d: %s\r\n" % (n, b"a" * 400) for n in range(50)) + b"\r\n"], {}),
    ("200 fields", "431, closed", [GET + b"".join(b"x-%d: a\r\n" % n for n in range(200)) + b"\r\n"], {}),
    ("head without an end, 10 MB", "431, closed", [GET] + [b"x: " + b"a" * 1_000_000] * 10, {}),
    ("method that is none", "400, closed", [b"G@T /cold HTTP/1.1\r\nHost: a\r\n\r\n"], {}),
    ("version that is none", "400, closed", [b"GET /cold HTTP/9.9\r\nHost: a\r\n\r\n"], {}),
    ("no path", "400, closed", [b"GET HTTP/1.1\r\nHost: a\r\n\r\n"], {}),
    ("space before a colon", "400, closed", [GET + b"x : a\r\n\r\n"], {}),
    ("NUL in a value", "400, closed", [GET + b"x: a\0b\r\n\r\n"], {}),
    ("carriage return in a value", "400, closed", [GET + b"x: a\rb\r\n\r\n"], {}),
    ("two content-lengths", "400, closed", [POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"], {}),
    ("content-length that is none", "400, closed", [POST + b"Content-Length: -1\r\n\r\n"], {}),
    ("content-length beyond 64 bits", "400, closed", [POST + b"Content-Length: 99999999999999999999\r\n\r\n"], {}),
    ("length and chunks", "400, closed", [POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"], {}),
    ("chunks twice", "400, closed", [POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"], {}),
    ("chunk whose size is none", "400, closed", [POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"], {}),
    ("chunk beyond 64 bits", "400, closed", [POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"], {}),
    ("half a body", "408, closed", [POST + b"Content-Length: 100\r\n\r\nabc"], {}),
    ("a body, a byte at a time", "408, closed", [POST + b"Content-Length: 100000\r\n\r\n"] + [b"a"] * 40, {"pause": PATIENCE / 4}),
    ("no end of a chunked body", "408, closed", [POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"], {}),
    ("10,000 requests ahead, none read for long", "closed", [(GET + END_OF_HEAD) * 10_000], {"reads": False}),
    ("an endless answer that is not read", "closed", [b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n"], {"reads": False}),
    ("requests behind the last one", "200, closed", [(GET + b"Connection: close\r\n\r\n") * 100], {}),
    ("noise behind a request", "200, 400, closed", [GET + END_OF_HEAD + b"\x01\x02\r\n\r\n"], {}),
]


def main():
    failed = 0
    print(f"{'input':44} got")
    for name, expected, parts, how in CASES:
        got = exchange(parts, **how)
        is_right = got.endswith(expected) and honest()
        failed += not is_right
        print(f"{name:44} {got}{'' if is_right else f'   FAILED: expected {expected}'}", flush=True)
    sys.exit(1 if failed else 0)


main()
