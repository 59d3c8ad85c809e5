"""Sums of frames as ../shared/data/expected.tsv has them: pydicom reads the header, numpy the samples that were fetched.

stdin: lines of "source file<TAB>file of fetched samples", or of a whole fetched object (.dcm); stdout: the same first word and the SHA-256 of its samples, colour by pixel, masked to
Bits Stored, sign-extended, little endian."""
import hashlib
import sys

import numpy
import pydicom

for line in sys.stdin:
    source, fetched = line.rstrip("\n").split("\t")
    whole = fetched.endswith(".dcm")
    header = pydicom.dcmread(fetched if whole else source, stop_before_pixels=not whole, force=True)
    data = header.PixelData if whole else open(fetched, "rb").read()
    allocated, stored = int(header.BitsAllocated), int(header.BitsStored)
    count = int(header.Rows) * int(header.Columns) * int(header.SamplesPerPixel)
    if whole:
        size = (count * allocated + 7) // 8
        if str(header.PhotometricInterpretation) == "YBR_FULL_422":
            size = size * 2 // 3
        data = data[:size]
    if allocated == 1:
        samples = numpy.unpackbits(numpy.frombuffer(data, "u1"), bitorder="little")[:count]
    elif len(data) * 8 != count * allocated:
        samples = numpy.frombuffer(data, "u1")  # uncompressed YBR_FULL_422: the packed bytes
    else:
        samples = numpy.frombuffer(data, f"<u{allocated // 8}").copy()
        samples >>= numpy.array(int(header.HighBit) + 1 - stored, samples.dtype)
        if stored < allocated:
            samples &= numpy.array((1 << stored) - 1, samples.dtype)
            if int(header.get("PixelRepresentation", 0)) == 1:
                sign = numpy.array(1 << (stored - 1), samples.dtype)
                samples = (samples ^ sign) - sign
        syntax = str(header.file_meta.get("TransferSyntaxUID", "1.2.840.10008.1.2")) if hasattr(header, "file_meta") else ""
        native = syntax in ("", "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99")
        if native and int(header.SamplesPerPixel) == 3 and int(header.get("PlanarConfiguration", 0)) == 1:
            samples = samples.reshape(3, -1).T
    print(f"{source}\t{hashlib.sha256(numpy.ascontiguousarray(samples).tobytes()).hexdigest()}")
