#!/bin/sh
# Gets sqlite3.wasm, SQLite's own build, from the npm package that ships it, and checks that it is the one
# that sqlite.js was written for.
set -eu

PACKAGE=@sqlite.org/sqlite-wasm@3.51.2-build9
FILE=package/dist/sqlite3.wasm
SHA256=2d8049756d9d3765f3afac6eb4766457152fb5f417d2febe2836ee3c2223b3e2

cd "$(dirname "$0")"
here=$(pwd)
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

cd "$temporary"
archive=$(npm pack --silent "$PACKAGE")
tar -xzf "$archive" "$FILE"
echo "$SHA256  $FILE" | sha256sum -c --quiet -
mv "$FILE" "$here/sqlite3.wasm"
echo "$here/sqlite3.wasm"
