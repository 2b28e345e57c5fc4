#!/bin/sh
# The values and MACs of the vector's first seal and second seal, by openssl and sed alone:
# prints four lines, to be compared with the file's.
set -eu
cd "$(dirname "$0")"
file=20261123T193605.000000Z-w3-4242.jsonl
key=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
mac() { # of the seal on line $1
    { printf 'strongroom/audit/v1/seal\n'; sed -n "$1p" $file | sed 's/,"mac".*//' | tr -d '\n'; } |
        openssl dgst -sha256 -mac HMAC -macopt hexkey:$key | sed 's/.*= //'
}
first=$({ head -c 32 /dev/zero; sed -n 1p $file; } | openssl dgst -sha256 | sed 's/.*= //')
second=$({ printf '%s' "$first" | xxd -r -p; sed -n 3,4p $file; } | openssl dgst -sha256 | sed 's/.*= //')
echo "$first"
mac 2
echo "$second"
mac 5
