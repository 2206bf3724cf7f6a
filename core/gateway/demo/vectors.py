"""Embeddings and images of the demo provider."""

import base64
import hashlib
import math
import random
import re
import struct
import zlib
from functools import lru_cache

DIMENSIONS = 256
_WORD = re.compile(r"\w+")

# Five by seven dots a letter.
_LETTERS = {
    "D": ("11110", "10001", "10001", "10001", "10001", "10001", "11110"),
    "E": ("11111", "10000", "10000", "11110", "10000", "10000", "11111"),
    "M": ("10001", "11011", "10101", "10101", "10001", "10001", "10001"),
    "O": ("01110", "10001", "10001", "10001", "10001", "10001", "01110"),
}
_TEXT = "DEMO"


def embedding_of(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """Return a unit vector: the same for the same text, close for texts that share words."""
    words = _WORD.findall(text.lower()) or [text]
    vector = [0.0] * dimensions
    for word in words:
        for index, value in enumerate(_direction(word, dimensions)):
            vector[index] += value
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return [value / length for value in vector]


def demo_image(prompt: str, size: str = "256x256") -> str:
    """Return a PNG in base64 that says DEMO, in a colour of its own for each prompt."""
    width, height = _size(size)
    seed = hashlib.sha256(prompt.encode()).digest()
    ground = bytes(160 + value % 80 for value in seed[:3])
    ink = b"\x20\x20\x30"
    # The word takes two thirds of the width.
    dot = max(width // 36, 1)
    left = (width - 24 * dot) // 2
    top = (height - 7 * dot) // 2
    blank = b"\x00" + ground * width
    rows = []
    for line in range(7):
        row = bytearray(ground * width)
        for letter, symbol in enumerate(_TEXT):
            for column, bit in enumerate(_LETTERS[symbol][line]):
                if bit == "1":
                    start = (left + (letter * 6 + column) * dot) * 3
                    row[start : start + dot * 3] = ink * dot
        rows.append((b"\x00" + bytes(row)) * dot)
    pixels = blank * top + b"".join(rows) + blank * (height - top - 7 * dot)
    return base64.b64encode(_png(width, height, pixels)).decode()


def _png(width: int, height: int, pixels: bytes) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"tEXt", b"Comment\x00Demo image, not made by any model")
        + chunk(b"IDAT", zlib.compress(pixels, 6))
        + chunk(b"IEND", b"")
    )


def _size(size: str) -> tuple[int, int]:
    width, _, height = size.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        return 256, 256
    return min(max(int(width), 64), 2048), min(max(int(height), 64), 2048)


@lru_cache(maxsize=2048)
def _direction(word: str, dimensions: int) -> tuple[float, ...]:
    chance = random.Random(hashlib.sha256(word.encode()).digest())  # noqa: S311
    return tuple(chance.gauss(0, 1) for _ in range(dimensions))
