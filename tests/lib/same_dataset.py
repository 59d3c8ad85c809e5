"""Do two files say the same? pydicom is the judge of both.

stdin: lines of "file<TAB>other file"; stdout: a line for each pair: "same" with the rules that were needed, or "other" with the first attribute and why.
Rules, each for one thing that may differ:
  charset   Specific Character Set: the text is compared as it reads
  decimal   DS and IS: the same number in other digits
  name      a PN of signs without a name is an empty one
  offsets   offset tables (7FE0,0001..3): of the encapsulation; frames are compared one by one
  padding   Data Set Trailing Padding; blanks and NULs at the ends of values
  vr        UN, or OB or OW or US or SS: the dictionary's other choice with the same bytes
  lengths   group lengths
"""
import re
import sys
import warnings

import pydicom
import pydicom.config
from pydicom.encaps import generate_pixel_data_frame
from pydicom.tag import Tag

warnings.simplefilter("ignore")
OFFSETS = {Tag(0x7FE00001), Tag(0x7FE00002), Tag(0x7FE00003)}


NATIVE = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2", ""}


def syntax(dataset):
    return str(dataset.file_meta.get("TransferSyntaxUID", ""))


class Other(Exception):
    pass


def plain(text):
    return str(text).strip(" \0")


def name_parts(name):
    return [plain(part) for part in re.split("[\\^=]", plain(name).rstrip("^="))]


def number(text):
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def is_nameless(value):
    return isinstance(value, pydicom.valuerep.PersonName) and str(value).strip("^= ") == ""


def values(element, rules):
    value = element.value
    if is_nameless(value):
        rules.update(["name"] if str(value) else [])
        return []
    if value is None or value == "" or value == b"":
        return []
    if isinstance(value, (pydicom.multival.MultiValue, list)):
        return list(value)
    return [value]


def frames(dataset):
    count = int(dataset.get("NumberOfFrames", 1) or 1)
    return list(generate_pixel_data_frame(dataset.PixelData, count))


def swapped(dataset):
    """Native pixel data, little endian."""
    data, unit = dataset.PixelData, (2 if dataset[0x7FE00010].VR == "OW" or dataset.BitsAllocated > 8 else 1)
    if unit == 1 or syntax(dataset) != "1.2.840.10008.1.2.2":
        return data
    return b"".join(data[i + 1 : i + 2] + data[i : i + 1] for i in range(0, len(data), 2))


def same_pixels(a, b):
    if syntax(a) in NATIVE:
        if syntax(b) not in NATIVE or swapped(a).rstrip(b"\0") != b.PixelData.rstrip(b"\0"):
            raise Other("pixels")
        return
    if syntax(a) != syntax(b):
        raise Other(f"transfer syntax {syntax(a)} and {syntax(b)}")
    one, two = frames(a), frames(b)
    if len(one) != len(two) or any(x.rstrip(b"\0") != y.rstrip(b"\0") for x, y in zip(one, two)):
        raise Other("frames")


def same_value(a, b, rules):
    one, two = values(a, rules), values(b, rules)
    if a.VR != b.VR:
        rules.add("vr")
    if len(one) != len(two):
        raise Other(f"{len(one)} and {len(two)} values")
    for x, y in zip(one, two):
        if isinstance(x, bytes) or isinstance(y, bytes):
            if bytes(x).rstrip(b"\0") != bytes(y).rstrip(b"\0"):
                raise Other("bytes")
        elif x == y or (x != x and y != y):
            continue
        elif a.VR in ("DS", "IS") and number(x) is not None and number(x) == number(y):
            rules.add("decimal")
        elif plain(x) == plain(y):
            rules.add("padding")
        elif a.VR == "PN" and name_parts(x) == name_parts(y):
            rules.add("padding")
        else:
            raise Other("value")


def same_item(a, b, rules, where=""):
    tags = sorted(set(a.keys()) | set(b.keys()))
    for tag in tags:
        name = where + f"{tag.group:04X}{tag.element:04X}"
        if tag.element == 0:
            rules.add("lengths")
        elif tag == Tag(0x00080005):
            rules.add("charset")
        elif tag == Tag(0xFFFCFFFC):
            rules.add("padding")
        elif not where and tag in OFFSETS:
            rules.add("offsets")
        elif tag not in a or tag not in b:
            raise Other(f"{name} is in {'one' if tag in a else 'the other'} only")
        elif not where and tag == Tag(0x7FE00010):
            same_pixels(a, b)
        elif a[tag].VR == "SQ" and b[tag].VR == "SQ":
            if len(a[tag].value) != len(b[tag].value):
                raise Other(f"{name}: {len(a[tag].value)} and {len(b[tag].value)} items")
            for i, (x, y) in enumerate(zip(a[tag].value, b[tag].value)):
                same_item(x, y, rules, f"{name}.{i + 1}.")
        else:
            try:
                same_value(a[tag], b[tag], rules)
            except Other as why:
                raise Other(f"{name} {a[tag].VR} {b[tag].VR}: {why}") from None


for line in sys.stdin:
    first, second = line.rstrip("\n").split("\t")
    rules = set()
    try:
        pydicom.config.replace_un_with_known_vr = True
        one, two = pydicom.dcmread(first, force=True), pydicom.dcmread(second)
        # values of UN are little endian in every syntax, which pydicom does not know of big endian ones
        pydicom.config.replace_un_with_known_vr = syntax(one) != "1.2.840.10008.1.2.2"
        same_item(one, two, rules)
        print("same", *sorted(rules), sep="\t")
    except Other as why:
        print("other", why, sep="\t")
    except Exception as why:  # pydicom cannot read one of them
        print("unread", f"{type(why).__name__}: {why}".replace("\n", " ").replace("\t", " "), sep="\t")
