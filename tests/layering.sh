#!/usr/bin/env bash
# The floors: a room includes only headers of rooms below it, and each outside header has one home.
# Usage: tests/layering.sh [ROOT]. Prints each breach; exit status 1 when there is one.
set -uo pipefail
cd "${1:-$(dirname "$0")/..}" || exit 2

declare -A allowed=(
    [base]="base"
    [tls]="base tls"
    [store]="base store"
    [audit]="base store audit"
    [dicom]="base dicom"
    [dicom/shim]="base tls dicom dicom/shim"
    [dicom/codec]="base dicom dicom/codec"
    [cache]="base store audit dicom dicom/codec cache"
    [access]="base tls store audit dicom dicom/codec cache access"
    [reading]="base store audit dicom cache access reading"
    [pacs-bridge]="base tls store audit dicom dicom/shim dicom/codec cache access pacs-bridge"
    [viewer/render]="base dicom viewer/render"
    [viewer/tiles]="base store dicom dicom/codec cache viewer/render viewer/tiles"
    [viewer/http]="base tls viewer/http"
    [viewer/record]="base store audit dicom dicom/codec cache access viewer/http viewer/record"
    [viewer/guard]="base store audit dicom dicom/codec cache access viewer/http viewer/record viewer/guard"
    [viewer/watch]="base store audit dicom dicom/codec cache access viewer/http viewer/watch"
    [viewer/portal]="base store audit dicom dicom/codec cache access reading viewer/render viewer/tiles viewer/http viewer/record viewer/guard viewer/watch viewer/web viewer/portal"
    [viewer/dicomweb]="base store audit dicom dicom/codec cache access viewer/render viewer/tiles viewer/http viewer/record viewer/guard viewer/watch viewer/dicomweb"
    [viewer/install]="base tls store audit access viewer/http viewer/record viewer/web viewer/install"
    [viewer/web]="base viewer/web"
    [phantom]="base dicom phantom"
    [app]="base tls store audit dicom dicom/shim dicom/codec cache access reading pacs-bridge viewer/render viewer/tiles viewer/http viewer/guard viewer/watch viewer/install viewer/web viewer/portal viewer/dicomweb phantom app"
)
# header pattern -> the only files or rooms that may include it
homes=(
    'sqlite3\.h|store/'
    'microhttpd\.h|viewer/http/'
    'jpeglib\.h|viewer/render/jpeg.c'
    'turbojpeg\.h|dicom/codec/'
    'png\.h|viewer/render/'
    'gif_lib\.h|viewer/render/gif.c'
    'ft2build\.h|viewer/render/text.c'
    'jansson\.h|base/json_read.c'
    'dcmtk/dcmnet/.*|dicom/shim/'
    'dcmtk/dcmdata/.*|dicom/shim/ dicom/codec/'
    'dcmtk/dcmjp.*|dicom/codec/'
    'seccomp\.h|dicom/codec/'
    'charls/.*|dicom/codec/'
    'openjpeg\.h|dicom/codec/'
    'libdeflate\.h|viewer/'
    'iconv\.h|dicom/'
    'libxml/.*|dicom/native_xml_read.c'
    'libaio\.h|store/direct.c'
    'gnutls/.*|audit/syslog_tls.c tls/ store/ access/ viewer/http/ dicom/shim/'
    'xxhash\.h|store/'
    'sodium\.h|audit/ access/'
    'liboath/.*|access/'
    'qrencode\.h|access/'
)
bad=0
complain() { echo "$1"; bad=1; }

# Sets $room to the room a path lies in, "." when in none. No subshell: this runs for every include.
find_room() {
    room=$1
    while [[ $room == */* ]]; do
        room=${room%/*}
        [[ -n ${allowed[$room]:-} ]] && return
    done
    room=.
}

while IFS=: read -r file _ line; do
    [[ $line =~ [\"\<]([^\"\>]+)[\"\>] ]] || continue
    header=${BASH_REMATCH[1]}
    if [[ $line == *\"* ]]; then
        find_room "$header"
        target=$room
        find_room "$file"
        [[ $header == */* ]] || complain "$file: \"$header\" must be included by its path from the top"
        [[ " ${allowed[$room]} " == *" $target "* ]] || complain "$file: $room may not include $header"
    fi
    for rule in "${homes[@]}"; do
        pattern=${rule%%|*}
        if [[ $header =~ ^$pattern$ ]]; then
            ok=
            for home in ${rule#*|}; do [[ $file == "$home"* ]] && ok=1; done
            [[ $ok ]] || complain "$file: <$header> belongs to ${rule#*|}"
        fi
    done
done < <(grep -nE '^\s*#\s*include' -r base tls store audit dicom cache access reading pacs-bridge viewer phantom app --include='*.c' --include='*.h' --include='*.cc' --include='*.hh')

while read -r file; do
    case $file in dicom/shim/*|dicom/codec/*) ;; *) complain "$file: C++ lives in dicom/shim and dicom/codec only" ;; esac
done < <(find base tls store audit dicom cache access reading pacs-bridge viewer phantom app -name '*.cc' -o -name '*.cpp' -o -name '*.hh')
tests/cited.sh || bad=1
[[ $bad == 0 ]] && echo "layering: clean"
exit $bad
