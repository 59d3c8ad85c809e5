#!/usr/bin/env bash
# What docs/security.md and docs/reliability.md say is shown by a test must be one: each file that they cite is there, and so is each case that is
# named behind a file of C (`test_rights.c`: withdrawn, people).
# Usage: tests/cited.sh [ROOT]. Prints what is missing; exit status 1 when something is.
set -uo pipefail
cd "${1:-$(dirname "$0")/..}" || exit 2

bad=0
complain() { echo "$1"; bad=1; }

for page in docs/security.md docs/reliability.md; do
    # every word in backquotes that is a test's file, with or without its folder
    while read -r file; do
        if [[ $file == */* ]]; then
            [[ -f $file ]] || complain "$page: $file is not there"
        else
            [[ -n $(find tests -name "$file" -not -path '*/node_modules/*' -print -quit) ]] || complain "$page: no $file below tests/"
        fi
    done < <(grep -oE '`[A-Za-z0-9_/]+(\.test\.mjs|\.txt)`|`([A-Za-z0-9_/]+/)?test_[a-z0-9_]+\.c`' "$page" | tr -d '`' | sort -u)
done
# `test_x.c`: case, case
page=docs/security.md
while IFS=: read -r file cases; do
    path=$(find tests -name "${file##*/}" -print -quit)
    for name in ${cases//,/ }; do
        [[ -z $path ]] || grep -qE "^static void (test_)?$name\(void" "$path" || complain "$page: $file has no case $name"
    done
done < <(grep -oE '`[A-Za-z0-9_/]*test_[a-z0-9_]+\.c`: [a-z0-9_]+(, [a-z0-9_]+)*' "$page" | tr -d '`' | sed 's/: /:/' | sort -u)
exit $bad
