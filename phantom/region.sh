# region.sh - a small region for `./run demo`: two hospitals with their PACS, four clinics, people of each role, patients in every state of consent.
# Every name in it is made up. Sourced by ./run. Images are computed (kakehashi phantom) and given to the region's patients by DCMTK's dcmodify.

# hospital | patient ID there | DICOM name, three scripts | birth date | sex | seed (far apart: each has its own numbers) | slices of a CT | slices of an MR | days ago | description
readonly region_images=(
    'city|C-1001|Yamada^Hanako=山田^花子=やまだ^はなこ|19560214|F|16384|320|0|2|胸腹部造影CT'
    'city|C-1001|Yamada^Hanako=山田^花子=やまだ^はなこ|19560214|F|32768|120|0|190|胸腹部CT'
    'center|M-2001|Yamada^Hanako=山田^花子=やまだ^はなこ|19560214|F|49152|0|26|40|頭部MRI'
    'city|C-1002|Suzuki^Ichirou=鈴木^一郎=すずき^いちろう|19480503|M|65536|0|26|5|頭部MRI'
    'city|C-1003|Satou^Kazuko=佐藤^和子=さとう^かずこ|19611120|F|81920|60|0|12|胸部CT'
    'center|M-2004|Takahashi^Minoru=高橋^実=たかはし^みのる|19390708|M|98304|80|0|7|胸腹部CT'
    'center|M-2005|Itou^Makoto=伊藤^誠=いとう^まこと|19700130|M|114688|80|0|1|胸腹部CT'
    'city|C-1006|Watanabe^Yuki=渡辺^由紀=わたなべ^ゆき|19820919|F|131072|0|20|20|頭部MRI'
)
readonly region_hospitals=(city center)
declare -rA region_hospital_name=([city]=架け橋市民病院 [center]=県立かけはし医療センター)

# Text as the phantom's images have it (ISO 2022 IR 87).
region_jis() { printf %s "$1" | iconv -f UTF-8 -t ISO-2022-JP; }

# region_study KAKEHASHI DIR LINE: one study, of the first patient of the phantom for a CT, of the second for an MR.
region_study() {
    local kakehashi=$1 dir=$2 hospital id name birth sex seed ct mr days what date made=$2/made
    IFS='|' read -r hospital id name birth sex seed ct mr days what <<<"$3"
    date=$(date -d "-$days days" +%Y%m%d)
    rm -rf "$made"
    "$kakehashi" phantom --seed "$seed" --ct-slices "$((ct > 0 ? ct : 1))" --earlier-slices 0 --mr-slices "$mr" "$made" >/dev/null
    if [[ $ct == 0 ]]; then # the phantom always makes a CT: its folder is the one without an MR
        find "$made" -name 'IM0001.dcm' -print0 | while IFS= read -r -d '' file; do
            [[ $(dcmdump -q +P 0008,0060 "$file") != *'[CT]'* ]] || rm -rf "${file%/*/*}"
        done
    fi
    find "$made" -name '*.dcm' -print0 | xargs -0 dcmodify -q -nb \
        -m "(0010,0010)=$(region_jis "$name")" -m "(0010,0020)=$id" -m "(0010,0030)=$birth" -m "(0010,0040)=$sex" \
        -m "(0008,0080)=$(region_jis "${region_hospital_name[$hospital]}")" -m "(0008,1030)=$(region_jis "$what")" \
        -m "(0008,0020)=$date" -m "(0008,0021)=$date" -ea "(0010,1010)"
    mkdir -p "$dir/$hospital"
    mv "$made" "$dir/$hospital/$id-$seed"
}

# region_make KAKEHASHI DIR: all images, DIR/city and DIR/center.
region_make() {
    local line
    for line in "${region_images[@]}"; do region_study "$1" "$2" "$line"; done
}
