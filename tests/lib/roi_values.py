"""What of a file a measurement must say, as pydicom and numpy read it: spacing, and the values of the pixels whose centres lie inside.

stdin: JSON {"file", "frame", "kind", "points": [[x, y], ...]}; stdout: JSON {"pixel_spacing", "imager_spacing", "count", "mean", "sd", "min", "max"}.
Points are in pixels, (0, 0) the corner of the first one; modality values by slope and intercept."""
import json
import sys

import numpy
import pydicom

asked = json.load(sys.stdin)
header = pydicom.dcmread(asked["file"], force=True)
answer = {
    "pixel_spacing": [float(value) for value in header.get("PixelSpacing", [])],
    "imager_spacing": [float(value) for value in header.get("ImagerPixelSpacing", [])],
}
points = asked["points"]
if asked["kind"] in ("rectangle", "ellipse", "freehand", "probe"):
    pixels = header.pixel_array
    if int(header.get("NumberOfFrames", 1)) > 1:
        pixels = pixels[asked.get("frame", 0)]
    values = pixels * float(header.get("RescaleSlope", 1)) + float(header.get("RescaleIntercept", 0))
    y, x = numpy.mgrid[0 : header.Rows, 0 : header.Columns] + 0.5
    if asked["kind"] == "probe":
        inside = (numpy.floor(x) == int(points[0][0])) & (numpy.floor(y) == int(points[0][1]))
    elif asked["kind"] == "freehand":
        inside = numpy.zeros(x.shape, bool)
        for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1]):
            with numpy.errstate(divide="ignore", invalid="ignore"):
                inside ^= ((ay > y) != (by > y)) & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    else:
        (ax, ay), (bx, by) = points
        left, right, top, bottom = min(ax, bx), max(ax, bx), min(ay, by), max(ay, by)
        if asked["kind"] == "rectangle":
            inside = (x >= left) & (x < right) & (y >= top) & (y < bottom)
        else:
            inside = ((2 * x - left - right) / (right - left)) ** 2 + ((2 * y - top - bottom) / (bottom - top)) ** 2 <= 1
    chosen = values[inside]
    answer |= {"count": int(chosen.size), "mean": float(chosen.mean()), "sd": float(chosen.std()), "min": float(chosen.min()), "max": float(chosen.max())}
json.dump(answer, sys.stdout)
