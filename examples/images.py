#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""images.py DIR: write the files that examples/thumbs is tried with to DIR.

Some are small images, and the others are made to harm who decodes them.  Each
time the same bytes are written.
"""

import os
import struct
import sys
import zlib

# Small images: an upper and a lower half, each in one shade.
SIDE, UPPER, LOWER = 64, 200, 40


def chunk(name, data):
    crc = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc)


def png(width, height, data, depth=8, color=2, interlace=0):
    """data: the rows, each after a byte 0, compressed."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0,
                         interlace)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) +
            chunk(b"IDAT", data) + chunk(b"IEND", b""))


def halves(upper, lower):
    """A PNG whose halves are pixels of these bytes: RGB, or RGBA."""
    rows = [b"\0" + pixel * SIDE for pixel in (upper, lower)]
    data = zlib.compress(b"".join(row * (SIDE // 2) for row in rows))
    return png(SIDE, SIDE, data, color=2 if len(upper) == 3 else 6)


def zeros(size):
    """A zlib stream of at least this many zeros, a thousandth as long."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    n = (size >> 20) + 1
    # Adler-32 of so many zeros.
    check = struct.pack(">HH", (n << 20) % 65521, 1)
    return b"\x78\xda" + piece * n + b"\x03\x00" + check


class Bits:
    """The bits of a scan of a JPEG, most significant first."""

    def __init__(self):
        self.text = ""

    def put(self, value, n):
        self.text += f"{value:0{n}b}" if n > 0 else ""

    def bytes(self):
        text = self.text + "1" * (-len(self.text) % 8)
        data = int(text, 2).to_bytes(len(text) // 8, "big")
        return data.replace(b"\xff", b"\xff\x00")


def segment(kind, data):
    return struct.pack(">BBH", 0xff, kind, len(data) + 2) + data


def huffman(table, symbols):
    """Codes of 4 bits, the first symbol 0, the second 1 and so on."""
    return segment(0xc4, bytes([table, 0, 0, 0, len(symbols)] + [0] * 12) +
                   bytes(symbols))


def scan(first, last, data):
    return segment(0xda, bytes([1, 1, 0, first, last, 0])) + data


def jpeg(width, height, frame, ac_symbols, scans):
    """Gray; frame is the kind: 0xc0 baseline, 0xc2 progressive."""
    return (b"\xff\xd8" + segment(0xdb, bytes([0] + [1] * 64)) +
            segment(frame, struct.pack(">BHHBBBB", 8, height, width, 1, 1,
                                       0x11, 0)) +
            huffman(0x00, range(12)) + huffman(0x10, ac_symbols) +
            scans + b"\xff\xd9")


def gray_halves(upper, lower):
    """A JPEG of blocks of 8 x 8 pixels that are of one shade each."""
    bits = Bits()
    before = 0
    n = (SIDE // 8) ** 2
    for i in range(n):
        shade = 8 * ((upper if i < n // 2 else lower) - 128)
        change = shade - before
        before = shade
        size = abs(change).bit_length()
        bits.put(size, 4)
        bits.put(change if change > 0 else change + (1 << size) - 1, size)
        bits.put(0, 4)  # no more in this block
    return jpeg(SIDE, SIDE, 0xc0, [0], scan(0, 63, bits.bytes()))


def many_scans(side, n):
    """Each scan says in a few bytes: no block of the image changes."""
    blocks = (side // 8) ** 2
    first = Bits()
    first.put(0, 4 * blocks)
    again = Bits()
    for _ in range(blocks // 32767 + 1):
        again.put(0, 4)
        again.put(0x3fff, 14)
    # The symbol 0xe0: the next 16384 blocks, and as many as 14 bits say.
    return jpeg(side, side, 0xc2, [0xe0], scan(0, 0, first.bytes()) +
                scan(1, 63, again.bytes()) * n)


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def files():
    rgb = halves(bytes([UPPER, 0, 0]), bytes([0, 0, LOWER]))
    gray = gray_halves(UPPER, LOWER)
    return {
        # What can be decoded.
        "rgb.png": rgb,
        "half-transparent.png": halves(bytes([0, UPPER, 0, 255]), bytes(4)),
        "gray.jpg": gray,
        # What cannot.
        "bad-checksum.png": flipped(rgb, rgb.index(b"IEND") - 5),
        "empty.png": b"",
        "half.jpg": gray[:-30],
        "half.png": rgb[:-30],
        "text.png": b"This is no image.\n",
        # A few bytes that claim to be 4 and 10 thousand million pixels.
        "huge.jpg": jpeg(65500, 65500, 0xc0, [0], scan(0, 63, b"")),
        "huge.png": png(100000, 100000, zlib.compress(bytes(1000))),
        # 130 KB of 128 MB, and 1 MB that takes more than a minute.
        "slow.jpg": many_scans(6304, 9000),
        "zeros.png": png(4000, 4000, zeros(8 * 4000 * 4001), depth=16, color=6,
                         interlace=1),
    }


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: images.py DIR")
    os.makedirs(sys.argv[1], exist_ok=True)
    for name, data in files().items():
        with open(os.path.join(sys.argv[1], name), "wb") as out:
            out.write(data)


if __name__ == "__main__":
    main()
