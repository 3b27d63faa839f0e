#!/usr/bin/env bash
# Makes the pictures of README.md from the corpus. Needs Chromium.
#
#   docs/pictures/make.sh [SLABTRACE]
set -euo pipefail
cd "$(dirname "$0")/../.."
program=${1:-target/release/slabtrace}
capture=corpora/console/recorded-amd64-6-1.log.gz
here=docs/pictures
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

shoot() { # PAGE PICTURE WIDTH HEIGHT
    chromium --headless=new --no-sandbox --disable-gpu --hide-scrollbars \
        --user-data-dir="$work/browser" --window-size="$3,$4" \
        --screenshot="$2" "file://$1" >/dev/null 2>&1
}

"$program" -f svg -o "$here/flame-graph.svg" "$capture"
"$program" -f html -o "$work/page.html" "$capture"
# The page as its reader sees it who has opened the first group.
sed -i 's|</body>|<script>document.querySelector("tr.row button").click();</script></body>|' \
    "$work/page.html"
shoot "$work/page.html" "$here/page.png" 1120 1000

{
    echo '<meta charset="utf-8"><body style="margin:0;background:#16191c;color:#e6e6e6">'
    echo '<pre style="margin:16px;font:14px/1.35 monospace">'
    COLUMNS=80 "$program" --color always --top 2 "$capture" |
        sed -e 's/&/\&amp;/g; s/</\&lt;/g' \
            -e 's/\x1b\[1;31m/<b style="color:#ff9c92">/g; s/\x1b\[1m/<b>/g' \
            -e 's/\x1b\[2m/<b style="font-weight:400;color:#9aa1a8">/g; s/\x1b\[0m/<\/b>/g'
    echo '</pre>'
} >"$work/text.html"
shoot "$work/text.html" "$here/text.png" 760 980
