#!/bin/sh
# Gets the web platform tests that Node ships for its own tests, from Debian's source package of Node, into
# the folder that is named: get.sh FOLDER. Then `STASIS_WPT=FOLDER cargo test -p stasis-tests wpt`.
set -eu

mkdir -p "$1"
target=$(cd "$1" && pwd)
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
cd "$temporary"

# Source packages from where this machine gets its binary ones, without changing how it is set up.
mkdir -p parts lists/partial cache/archives/partial
for list in /etc/apt/sources.list.d/*.sources; do
    sed 's/^Types: .*/Types: deb-src/' "$list" > "parts/$(basename "$list")"
done
apt() {
    apt-get -q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$temporary/parts" \
        -o Dir::State::lists="$temporary/lists" -o Dir::Cache="$temporary/cache" "$@"
}
apt update
apt source --download-only --tar-only nodejs
tar -xJf nodejs_*.orig.tar.xz --wildcards '*/test/fixtures/wpt/*'
cp -R ./*/test/fixtures/wpt/. "$target"
echo "$target"
