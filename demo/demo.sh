#!/bin/sh
# What the README tells to do by hand: a bundle with nothing in its rootfs but
# one static program, a config.json, and a container made of the two.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
vial=$here/../bin/vial
bundle=$(mktemp -d)
trap '"$vial" delete --force mycont1; rm -rf "$bundle"' EXIT

say() { printf '$ %s\n' "$*"; "$@"; }

say mkdir "$bundle/rootfs"
say env CGO_ENABLED=0 go build -o "$bundle/rootfs/printme" "$here/printme"
cd "$bundle"
PATH=$here/../bin:$PATH
say vial spec -- /printme
say vial create mycont1
say vial start mycont1
until vial state mycont1 | grep -q '"status": "stopped"'; do sleep 0.01; done
say vial delete mycont1

echo
say vial run mycont1
say vial run --rootfs rootfs mycont1 -- /printme
