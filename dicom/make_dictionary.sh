#!/bin/sh
# make_dictionary.sh DICOM_DIC: the data elements of PS3.6 and PS3.7 annex E as rows of dictionary.c, in ascending order of tag,
# from the dictionary that Debian's DCMTK brings. Repeating groups 50xx and 60xx stand as 5000 and 6000. Where the standard
# leaves a choice the VR is the one that implicit VR implies or that is safe: US for "US or SS", OW for "OB or OW" and for LUT
# data (PS3.5 A.1). Group lengths and elements without a VR (item tags) are left to the code.
set -eu
export LC_ALL=C
awk -F '\t' '
    BEGIN { vr["xs"] = "US"; vr["ox"] = vr["px"] = vr["lt"] = "OW"; vr["up"] = "UL" }
    /^\([0-9A-Fa-f]/ && $5 ~ /^DICOM(\/retired)?$/ && $2 != "na" {
        comma = index($1, ",")
        group = substr($1, 2, 4)
        element = substr($1, comma + 1, 4)
        keyword = $3
        sub(/^RETIRED_/, "", keyword)
        if (element == "0000") next
        type = ($2 in vr) ? vr[$2] : $2
        printf "E(0x%s%s, \047%s\047, \047%s\047, \"%s\")\n", tolower(group), tolower(element), substr(type, 1, 1), substr(type, 2, 1), keyword
    }' "$1" | sort -u -t, -k1,1
