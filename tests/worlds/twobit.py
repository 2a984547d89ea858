"""A small 2bit file by its specification (https://genome.ucsc.edu/FAQ/FAQformat.html#format7)."""

import struct


def twobit(*lengths, runs=0, order="<"):
    """Sequences of T of these lengths in bases, each with runs of N and of lower case of one base."""

    def pack(*numbers):
        return struct.pack(f"{order}{len(numbers)}I", *numbers)

    marks = pack(runs, *range(runs), *[1] * runs)
    records = [pack(length) + marks + marks + pack(0) + bytes(-(-length // 4)) for length in lengths]
    index, offset = b"", 16 + 9 * len(records)
    for number, record in enumerate(records):
        index += b"\x04chr%d" % number + pack(offset)
        offset += len(record)
    return pack(0x1A412743, 0, len(records), 0) + index + b"".join(records)
