#!/bin/sh
# Starts one of the installed S3 servers in the foreground, on loopback only, with its data in an existing folder.
# Usage: start.sh versitygw FOLDER PORT
#        start.sh seaweedfs FOLDER PORT [S3_GRPC MASTER MASTER_GRPC FILER FILER_GRPC VOLUME VOLUME_GRPC]
# Keys: ROOT_ACCESS_KEY and ROOT_SECRET_KEY of the environment.
# The process is replaced by the server, so its id is the server's; where the system can, it dies with its parent.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "$here/../.." && pwd)/.tools/bin
server=$1
folder=$2
port=$3
: "${ROOT_ACCESS_KEY:?}" "${ROOT_SECRET_KEY:?}"

run() {
  if command -v setpriv >/dev/null 2>&1; then
    exec setpriv --pdeathsig KILL -- "$@"
  fi
  exec "$@"
}

case $server in
  versitygw)
    mkdir -p "$folder/versions" "$folder/buckets"
    # Keep-alive is off by default and worth half again as many requests a second.
    run "$bin/versitygw-1.8.0" --port "127.0.0.1:$port" --quiet --keep-alive \
      posix --versioning-dir "$folder/versions" "$folder/buckets"
    ;;
  seaweedfs)
    umask 077
    cat > "$folder/s3.json" <<EOF
{"identities":[{"name":"stele","credentials":[{"accessKey":"$ROOT_ACCESS_KEY","secretKey":"$ROOT_SECRET_KEY"}],
"actions":["Admin","Read","Write","List","Tagging","BypassGovernanceRetention"]}]}
EOF
    # By itself it listens on every address, reports statistics and opens a dozen ports: all of that is said off here.
    run "$bin/weed-4.48" mini -dir="$folder" -ip=127.0.0.1 -ip.bind=127.0.0.1 \
      -s3.port="$port" -s3.port.grpc="${4:-18333}" \
      -master.port="${5:-9333}" -master.port.grpc="${6:-19333}" \
      -filer.port="${7:-8888}" -filer.port.grpc="${8:-18888}" \
      -volume.port="${9:-9340}" -volume.port.grpc="${10:-19340}" \
      -filer.localSocket="$folder/filer.sock" -s3.localSocket="$folder/s3.sock" \
      -master.telemetry=false -webdav=false -admin.ui=false -s3.port.iceberg=0 -s3.port.lance=0 \
      -s3.config="$folder/s3.json" -s3.allowDeleteBucketNotEmpty=false -s3.autoCreateBucket=false
    ;;
  *)
    echo "unknown server: $server" >&2
    exit 2
    ;;
esac
