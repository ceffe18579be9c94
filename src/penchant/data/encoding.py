"""Make a text file UTF-8 with one kind of line end, which is what the readers of lines need.

A line that isn't UTF-8 is read as Windows-1252, the usual other encoding of shop exports, and
counted. A file that is well already is used as it is.
"""

import codecs
import gzip
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from penchant.errors import DataError

CHUNK = 1 << 20  # bytes
FALLBACK = "cp1252"
LONGEST_PIECE = 16 << 20  # bytes of a line held at a time
BLANK = (b"\n", b"\r\n", b"\r")
# A quote opens a cell at its start alone, and closes it unless it is doubled.
CELL = re.compile(rb'(?:^|(?<=[,;\t|\r\n]))"(?:[^"]|"")*(?P<close>"|\Z)')
REST_OF_CELL = re.compile(rb'(?:[^"]|"")*"')
SAMPLE = 4096  # bytes looked at for UTF-16
ENOUGH_ZEROS = 0.05  # of the bytes, in one half of the places and none in the other
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def open_text(path: Path) -> BinaryIO | gzip.GzipFile:
    """Open a file, packed or not, as bytes."""
    return gzip.open(path, "rb") if is_packed(path) else path.open("rb")


def is_packed(path: Path) -> bool:
    """Whether a file's name is one of gzip."""
    return path.name.lower().endswith(".gz")


def readable_text(path: Path, scratch: Path, *, quotes: bool = True) -> tuple[Path, int]:
    """The file, or a readable copy of it in `scratch`, and how many lines weren't UTF-8.

    `quotes` says whether they enclose cells, as in CSV. Raises DataError when the file is empty.
    """
    with open_text(path) as file:
        start = file.read(SAMPLE)
    if not start:
        raise DataError(f"'{path}' is empty.")
    if wide := _wide_encoding(start):
        path = _copy(path, scratch, _from_wide(path, wide))
    if not _is_faulty(path):
        return path, 0
    mended = [0]
    return _copy(path, scratch, _lines(path, mended, quotes=quotes)), mended[0]


def blank_lines(path: Path) -> Iterator[int]:
    """Numbers, from 1, of the lines with nothing in them; a quoted line end is none."""
    number, quoted = 0, False
    with open_text(path) as file:
        while line := file.readline(LONGEST_PIECE):
            number += not quoted
            if not quoted and line in BLANK:
                yield number
            if quoted or b'"' in line:
                _, quoted = _plain_outside_quotes(line, quoted)


def _chunks(path: Path) -> Iterator[bytes]:
    with open_text(path) as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _is_faulty(path: Path) -> bool:
    """Whether a file isn't UTF-8, mixes line ends, or holds zero bytes."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    windows = plain = old = 0
    last = b""
    try:
        for chunk in _chunks(path):
            if not chunk.isascii() or decoder.getstate()[0]:
                decoder.decode(chunk)
            if b"\0" in chunk:
                return True
            if b"\r" in chunk or last == b"\r":
                both = chunk.count(b"\r\n") + (last == b"\r" and chunk[:1] == b"\n")
                windows, plain = windows + both, plain + chunk.count(b"\n") - both
                old += chunk.count(b"\r") - both
            else:  # nearly always: looking for a byte is much quicker than counting
                plain += b"\n" in chunk
            last = chunk[-1:]
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return True
    return sum(count > 0 for count in (windows, plain, old)) > 1


def _lines(path: Path, mended: list[int], *, quotes: bool) -> Iterator[bytes]:
    """Lines with plain ends and without zero bytes; counts in `mended` those not UTF-8.

    What is between quotes, where they are any, is a cell's own, and keeps its line ends.
    """
    quoted = False
    with open_text(path) as file:
        while line := file.readline(LONGEST_PIECE):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                line = line.decode(FALLBACK, errors="replace").encode("utf-8")
                mended[0] += 1
            line = line.replace(b"\0", b"")
            if quotes and (quoted or b'"' in line):
                line, quoted = _plain_outside_quotes(line, quoted)
                yield line
            else:
                yield _plain(line)


def _plain_outside_quotes(line: bytes, quoted: bool) -> tuple[bytes, bool]:
    """A line with plain ends outside its cells, and whether a cell is open at its end."""
    start = 0
    if quoted:
        closing = REST_OF_CELL.match(line)
        if closing is None:
            return line, True
        start, quoted = closing.end(), False
    parts = [line[:start]]
    for cell in CELL.finditer(line, start):
        parts += [_plain(line[start : cell.start()]), cell[0]]
        start, quoted = cell.end(), not cell["close"]
    return b"".join([*parts, _plain(line[start:])]), quoted


def _plain(text: bytes) -> bytes:
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _wide_encoding(start: bytes) -> str | None:
    """UTF-16 by its mark, or by the zero halves of its line ends, digits and delimiters."""
    if start[:2] in UTF16_MARKS:
        return "utf-16"
    even, odd = start[::2].count(0), start[1::2].count(0)
    if not even and odd > ENOUGH_ZEROS * len(start):
        return "utf-16-le"
    return "utf-16-be" if not odd and even > ENOUGH_ZEROS * len(start) else None


def _from_wide(path: Path, encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    for chunk in _chunks(path):
        yield decoder.decode(chunk).encode("utf-8")
    yield decoder.decode(b"", final=True).encode("utf-8")


def _copy(path: Path, scratch: Path, pieces: Iterator[bytes]) -> Path:
    name = path.name.removesuffix(".gz").removesuffix(".GZ")
    copy = Path(tempfile.mkdtemp(dir=scratch)) / name
    with copy.open("wb") as file:
        for piece in pieces:
            file.write(piece)
    return copy
