"""Our DICOM JSON of every real file beside pydicom's. Usage: judge_json.py PROGRAM DATA. PROGRAM prints one line of JSON for each file named.
Exit status 77 where there is no pydicom or no data. What may differ has a rule with a name; each rule's uses are counted and printed."""
import base64
import collections
import json
import math
import os
import subprocess
import sys
import warnings

try:
    import pydicom
    from pydicom.tag import Tag
except ImportError:
    print("pydicom is not here: skipped")
    sys.exit(77)
warnings.simplefilter("ignore")
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
BYTES = {"OB", "OD", "OF", "OL", "OV", "OW", "UN"}
TEXT = {"LO", "LT", "PN", "SH", "ST", "UC", "UT"}
MIXED = {
    "GH179A.dcm": "an element without VR in an explicit data set",
    "no_preamble_dicm_in_data": "DICM that is text of a file without preamble",
}
rules = collections.Counter()


def number(value):
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def equal_value(vr, ours, theirs):
    if isinstance(theirs, dict) and vr == "PN":
        theirs = {k: v.rstrip("^ ").lstrip(" ") for k, v in theirs.items() if v.strip("^ ")}
        return (ours or {}) == theirs
    if ours is None:
        return theirs in (None, "") or (isinstance(theirs, str) and not theirs.strip(" \0"))
    if vr in ("DS", "IS", "FL", "FD", "SV", "UV"):
        a, b = number(ours), number(theirs)
        if a is not None and b is not None:
            return a == b or (math.isnan(a) and math.isnan(b))
    if isinstance(ours, str) and isinstance(theirs, str):
        if vr == "AT":
            return ours == theirs
        return ours.strip(" \0") == theirs.strip(" \0")
    return ours == theirs


def plain(text):
    return all(31 < ord(c) < 127 for c in text)


def compare(path, ours, theirs, data, found):
    for key in sorted(set(ours) | set(theirs)):
        where = path + key
        a, b = ours.get(key), theirs.get(key)
        if key.endswith("0000") and a is None:
            rules["group length left out"] += 1
            continue
        if key == "FFFCFFFC":
            rules["trailing padding left out"] += 1
            continue
        if a is None and key > "7FE00010" and not path:
            rules["nothing is read behind encapsulated pixel data"] += 1
            continue
        if b is None and key == "7FE00010":
            rules["pixel data that are cut"] += 1
            continue
        if a is None or b is None:
            found.append(f"{where}: only {'theirs' if a is None else 'ours'}")
            continue
        if key == "00080005":
            rules["character set is that of JSON"] += 1
            continue
        if a["vr"] != b["vr"]:
            if b["vr"] == "UN" or (Tag(key).is_private and "UN" in (a["vr"], b["vr"])):
                rules["UN that one dictionary knows"] += 1
                continue
            if {a["vr"], b["vr"]} in ({"US", "SS"}, {"US", "OW"}, {"OB", "OW"}):
                rules["VR left open by implicit VR"] += 1
                continue
            found.append(f"{where}: vr {a['vr']}, theirs {b['vr']}")
            continue
        if a["vr"] == "SQ":
            x, y = a.get("Value", []), b.get("Value", [])
            if len(x) != len(y):
                found.append(f"{where}: {len(x)} items, theirs {len(y)}")
                continue
            for i, (p, q) in enumerate(zip(x, y)):
                compare(f"{where}.{i + 1}.", p, q or {}, data, found)
            continue
        if "BulkDataURI" in a:
            rules["value behind a URI"] += 1
            continue
        if a["vr"] in BYTES:
            x = base64.b64decode(a.get("InlineBinary", ""))
            y = base64.b64decode(b.get("InlineBinary", ""))
            if x != y:
                if data.is_little_endian is False:
                    rules["bytes made little endian"] += 1
                    continue
                found.append(f"{where}: {len(x)} bytes differ from theirs, {len(y)}")
            continue
        x, y = a.get("Value", []), b.get("Value", [])
        while y and y[-1] in ("", None) and len(y) > len(x):
            y = y[:-1]
        if len(x) == len(y) and all(equal_value(a["vr"], p, q) for p, q in zip(x, y)):
            continue
        if a["vr"] == "PN" and not x and all(not v.strip("^= ") for p in y for v in p.values()):
            rules["names of nothing are empty"] += 1
            continue
        text = json.dumps([x, y], ensure_ascii=False)
        if a["vr"] in TEXT | {"CS"} and not plain(text):
            rules["text outside ASCII, which tests of text judge"] += 1
            continue
        if a["vr"] in TEXT and any(isinstance(v, str) and "\0" in v for v in y):
            rules["NUL inside text"] += 1
            continue
        found.append(f"{where} {a['vr']}: {json.dumps(x)[:100]}, theirs {json.dumps(y)[:100]}")


def judge(name, line):
    ours = json.loads(line)
    if "error" in ours:
        rules["refused by the reader"] += 1
        return []
    try:
        data = pydicom.dcmread(name, force=True)
        theirs = data.to_json_dict(bulk_data_threshold=1 << 30)
    except Exception as why:  # whatever pydicom does not like of a broken file
        rules["pydicom gives up"] += 1
        return []
    found = []
    with open(name, "rb") as stream:
        if stream.read(132)[128:] != b"DICM":
            rules["without a preamble pydicom guesses otherwise"] += 1
            return []
    if os.path.basename(name) in MIXED:
        rules[MIXED[os.path.basename(name)]] += 1
        return []
    compare("", ours, theirs, data, found)
    return found


def main():
    program, folder = sys.argv[1:3]
    if not os.path.isdir(folder):
        print("no real files: skipped")
        sys.exit(77)
    names = sorted(os.path.join(d, f) for d, _, files in os.walk(folder) for f in files if "licences" not in d)
    lines = subprocess.run([program, *names], stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines()
    assert len(lines) == len(names), f"{len(lines)} lines of {len(names)} files"
    bad = 0
    for name, line in zip(names, lines):
        for what in judge(name, line):
            print(f"{os.path.relpath(name, folder)}: {what}")
            bad += 1
    for rule, count in sorted(rules.items()):
        print(f"  {count:6} {rule}")
    print(f"{len(names)} files, {bad} differences without a rule")
    sys.exit(1 if bad else 0)


main()
