"""Holds TLS conversations with a server and prints what came of each, a line of JSON a conversation.

    converse.py ADDRESS PORT NAME

The shapes are those that tlsfuzzer's test-record-layer-fragmentation.py and test-large-hello.py
try: hellos of many sizes, cut into records of many sizes, and some that no server takes. tlsfuzzer
is in no package registry; tlslite-ng, the TLS that it is built on, is, and speaks here. What a
server answers is printed and not judged: the test compares two ways to the same server.
"""

import hashlib
import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

from tlslite.api import HandshakeSettings, TLSConnection
from tlslite.constants import ContentType
from tlslite.errors import TLSAbruptCloseError, TLSLocalAlert, TLSRemoteAlert
from tlslite.extensions import PaddingExtension, TLSExtension
from tlslite.messages import ClientHello

PATIENCE = 60
# RFC 8446 §5.1: what a record may hold.
FULL = 2**14
TLS10, TLS11, TLS12, TLS13 = (3, 1), (3, 2), (3, 3), (3, 4)
# What a hello takes by itself, at most.
ROOM = 1000
# A cipher suite, and an extension, that nobody defines.
FREE_SUITE, FREE_EXTENSION = 0x0100, 0x5080
# Bytes before what a record holds, and before a handshake message.
RECORD_HEAD, MESSAGE_HEAD = 5, 4


class Wire:
    """A socket that cuts the first message, a ClientHello, into records as it is told to."""

    def __init__(self, to, cut):
        self.to, self.cut, self.message = to, cut, bytearray()

    def __getattr__(self, name):
        return getattr(self.to, name)

    def send(self, data):
        self.sendall(data)
        return len(data)

    def sendall(self, data):
        if self.cut is None:
            return self.to.sendall(data)
        version = bytes(data[1:3])
        while data:
            assert data[0] == ContentType.handshake
            length = int.from_bytes(data[3:RECORD_HEAD], "big")
            self.message += data[RECORD_HEAD:RECORD_HEAD + length]
            data = data[RECORD_HEAD + length:]
        if len(self.message) == MESSAGE_HEAD + int.from_bytes(self.message[1:MESSAGE_HEAD], "big"):
            cut, self.cut = self.cut, None
            for segment in cut(bytes(self.message), version):
                self.to.sendall(segment)


def record(part, version, kind=ContentType.handshake):
    return bytes([kind]) + version + len(part).to_bytes(2, "big") + part


def records(sizes, segment=None):
    """Records of these sizes, the last one again and again; in TCP segments of so many bytes."""

    def cut(message, version):
        wire, at, left = b"", 0, list(sizes)
        while at < len(message):
            size = left.pop(0) if len(left) > 1 else left[0]
            wire += record(message[at:at + size], version)
            at += size
        step = segment or len(wire)
        return [wire[at:at + step] for at in range(0, len(wire), step)]

    return cut


def instead(change):
    """One record (or more) that `change` makes of the message."""
    return lambda message, version: [change(message, version)]


class Speaker(TLSConnection):
    """A client whose hello is made larger before it is sent."""

    enlarge = None

    def _sendMsg(self, msg, *others, **named):
        if isinstance(msg, ClientHello) and self.enlarge:
            enlarge, self.enlarge = self.enlarge, None
            enlarge(msg)
        return super()._sendMsg(msg, *others, **named)


def extended(*more):
    return lambda hello: hello.extensions.extend(more)


def padding(size):
    return PaddingExtension().create(size)


def unknown(size, kind=FREE_EXTENSION):
    return TLSExtension(extType=kind).create(bytearray(size))


def suites(count):
    return lambda hello: hello.cipher_suites.extend(range(FREE_SUITE, FREE_SUITE + count))


def filled(size, hello):
    """Padding that makes the whole message this long."""
    hello.extensions.append(padding(0))
    hello.extensions[-1] = padding(size - len(hello.write()))


def conversations():
    """Name, version, what is added to the hello, how it is cut."""
    whole = records([FULL])
    for version in (TLS10, TLS11, TLS12, TLS13):
        yield f"sanity {version}", version, None, whole
    for version in (TLS12, TLS13):
        yield from fragments(version)
        yield from large(version)
    yield from refused()


def fragments(version):
    for size, most in [
        (20, FULL), (1024, FULL), (2**12, FULL), (FULL - 49, FULL), (FULL - 48, FULL),
        (2**15, FULL), (2**16 - ROOM, FULL), (FULL - 53, FULL),
        (1024, 127), (1024, 128), (1024, 255), (1024, 256), (1024, 257),
        (20, 1024), (1024, 1024), (2**12, 1024), (2**15, 1024),
        (20, 20), (1024, 20), (2**12, 20), (20, 1), (1024, 1),
    ]:
        name = f"fragments {version}: {size} bytes of padding by {most}"
        yield name, version, extended(padding(size)), records([most])
    for first in (1, 2, 3, 4, 5, 6, 37, 38, 39):
        yield f"fragments {version}: {first}, then all", version, None, records([first, FULL])
    for segment in (1, 4, 5, 6, 7, 100):
        name = f"fragments {version}: segments of {segment}"
        yield name, version, None, records([FULL], segment)
        name = f"fragments {version}: records of 50, segments of {segment}"
        yield name, version, None, records([50], segment)


def large(version):
    whole = records([FULL])
    edges = [0, 1, 9, 0x1ff0, 0x2000, 0x200f, 0x3f00, 0x3fff, 0x4000, 0x400f, 0x8ff0, 0x9000,
             0xff00 - ROOM, 0xffff - ROOM]
    for size in edges:
        yield f"large {version}: padding of {size}", version, extended(padding(size)), whole
        yield f"large {version}: extension of {size}", version, extended(unknown(size)), whole
        cut = records([2, FULL])
        name = f"large {version}: padding of {size}, first two bytes apart"
        yield name, version, extended(padding(size)), cut
    for size in [0, 9, 0x2f00, 0x3000, 0x3fff, 0x9000, 0xeeff - ROOM]:
        more = extended(unknown(size), padding(0x1000))
        yield f"large {version}: two extensions, {size}", version, more, whole
    for size in (FULL - 1, FULL, FULL + 1, 2 * FULL - 1, 2 * FULL, 2 * FULL + 1):
        name = f"large {version}: a message of {size}"
        yield name, version, lambda hello, size=size: filled(size, hello), whole
    for count in (1, 2, 500, 4_000, 8_000, 16_000):
        more = extended(*(unknown(0, FREE_EXTENSION + at) for at in range(count)))
        yield f"large {version}: {count} extensions", version, more, whole
    for count in (1, 2, 0x1000, 0x1fff, 0x2000, 0x2001):
        yield f"large {version}: {count} more suites", version, suites(count), whole
        odd = lambda hello, count=count: (suites(count)(hello), extended(padding(1))(hello))
        yield f"large {version}: {count} more suites, odd", version, odd, whole


def refused():
    """What no server takes. Which alert it gives is compared, too."""
    large = extended(padding(FULL - 52))
    yield "refused: a record beyond its limit", TLS12, large, instead(record)
    empty = instead(lambda message, version: record(b"", version) + record(message, version))
    yield "stricter: an empty record first", TLS12, None, empty
    between = instead(lambda message, version: record(message[:50], version)
                      + record(b"\1", version, ContentType.application_data)
                      + record(message[50:], version))
    yield "refused: data between fragments", TLS12, None, between
    finished = instead(lambda message, version: record(b"\x14" + message[1:], version))
    yield "refused: another message", TLS12, None, finished
    beyond = instead(lambda message, version: record(b"\1\xff\xff\xff" + message[4:], version))
    yield "refused: a message beyond any limit", TLS12, None, beyond
    # One byte of the random less, or more, than the lengths say.
    short = instead(lambda message, version: record(
        message[:1] + (len(message) - 5).to_bytes(3, "big") + message[4:-1], version))
    yield "refused: an extension cut short", TLS12, None, short
    long = instead(lambda message, version: record(
        message[:1] + (len(message) - 3).to_bytes(3, "big") + message[4:] + b"\0", version))
    yield "refused: a byte after the extensions", TLS12, None, long


def converse(address, name, version, enlarge, cut):
    settings = HandshakeSettings()
    settings.minVersion, settings.maxVersion = version, version
    settings.versions = [version]
    settings.usePaddingExtension = False
    settings.eccCurves, settings.keyShares = ["x25519", "secp256r1"], ["x25519"]
    to = socket.create_connection(address, timeout=PATIENCE)
    to.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    speaker = Speaker(Wire(to, cut))
    speaker.enlarge = enlarge
    try:
        speaker.handshakeClientCert(serverName=name, settings=settings)
        spoken = "TLS 1.%d" % (speaker.version[1] - 1)
        chain = speaker.session.serverCertChain.x509List[0].bytes
        speaker.sendall(b"GET /name HTTP/1.0\r\nHost: %s\r\n\r\n" % name.encode())
        said = bytearray()
        while part := speaker.read(max=4096):
            said += part
        page = bytes(said).split(b"\r\n\r\n", 1)[1].decode().strip()
        certificate = hashlib.sha256(bytes(chain)).hexdigest()[:16]
        return f"page {page} certificate {certificate} {spoken}"
    except TLSRemoteAlert as alert:
        return f"alert {alert.description}"
    except TLSLocalAlert as alert:
        return f"this client would not go on: {alert}"
    except TLSAbruptCloseError:
        return "closed"
    except OSError as error:
        return f"closed: {type(error).__name__}"
    finally:
        to.close()


def main():
    address, name = (sys.argv[1], int(sys.argv[2])), sys.argv[3]
    with ThreadPoolExecutor(4) as pool:
        asked = [(c[0], pool.submit(converse, address, name, *c[1:])) for c in conversations()]
        for conversation, answer in asked:
            print(json.dumps({"conversation": conversation, "answer": answer.result()}))


if __name__ == "__main__":
    main()
