#!/bin/sh
# Pin what tox installs: names, versions and hashes, for every Python from 3.11 on.
set -eu
cd "$(dirname "$0")/.."
compile() {
    output=$1
    shift
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-annotate --no-header --no-emit-index-url --output-file "$output" pyproject.toml "$@"
}
compile constraints/bench.txt --extra agents --extra demo --extra events --extra metrics --extra postgres \
    --extra pydantic-ai --extra sqlite --extra wire --extra zstd
compile constraints/dev.txt --extra agents --extra demo --group dev
compile constraints/peers.txt --extra agents --group peers
compile constraints/study.txt --group study
compile constraints/docs.txt --extra agents --group docs
