#!/bin/sh
# tools/mongo_server.sh [FOLDER]: a server that speaks MongoDB's protocol, for the tests: FerretDB on SQLite, built with Go
# 1.24 or later from the Go module proxy into FOLDER/ferretdb. Once; a second run finds it and says nothing.
set -eu
folder=${1:-$(dirname "$0")/../build/mongo-server}
version=v1.24.2
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
[ -x "$folder/ferretdb" ] && exit 0
fail() {
  echo "mongo_server: $*" >&2
  exit 1
}
command -v go > /dev/null || fail "needs Go 1.24 or later: https://go.dev/dl (Debian 12 has an older one)"
minor=$(go env GOVERSION | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
[ "${minor:-0}" -ge 24 ] || fail "needs Go 1.24 or later, and found $(go env GOVERSION): https://go.dev/dl"
echo "mongo_server: building FerretDB $version, once"
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
printf 'module server\ngo 1.24\nrequire github.com/FerretDB/FerretDB %s\n' $version > go.mod
source=$(go mod download -json github.com/FerretDB/FerretDB@$version | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
[ -d "$source" ] || fail "the Go module proxy did not hand out FerretDB $version: check the network and GOPROXY"
cp -r "$source" source
chmod -R u+w source
echo $version > source/build/version/version.txt # part of a release, not of the module
cd source
go build -tags ferretdb_no_postgresql,ferretdb_no_mysql -o "$work/ferretdb" ./cmd/ferretdb ||
  fail "FerretDB could not be built: see above"
mv "$work/ferretdb" "$folder/ferretdb"
