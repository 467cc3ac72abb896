#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Fuzz the register emulation for a while, then measure how much of its source
# the inputs cover. Prints TAP.

set -eu

usage() {
	cat <<'EOT'
usage: kunit/fuzz/run.sh BUILD [SECONDS [ARGUMENT...]]

BUILD is where emu-fuzz and emu-cover are; inputs that are found go to
BUILD/corpus. SECONDS is 60 by default. The arguments are libFuzzer's.

An input that fails is kept as BUILD/crash-...; BUILD/emu-fuzz FILE runs it
alone. To take new inputs into the tree, only those that reach something new:

  BUILD/emu-fuzz -merge=1 kunit/fuzz/corpus BUILD/corpus
EOT
}

case "${1-}" in
-h | --help)
	usage
	exit 0
	;;
esac
if [ $# -lt 1 ]; then
	usage >&2
	exit 2
fi

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
build=$(CDPATH='' cd -- "$1" && pwd -P)
seconds=${2-60}
shift
[ $# -eq 0 ] || shift
goal=98
status=0
log=$build/fuzz.log

echo "TAP version 13"
echo "1..2"

# The first report of a sanitizer, or a difference, ends the run.
mkdir -p "$build/corpus"
if "$build/emu-fuzz" -max_total_time="$seconds" -max_len=4096 -len_control=0 \
	-print_final_stats=1 -artifact_prefix="$build/" -timeout=10 "$@" \
	"$build/corpus" "$here/corpus" >"$log" 2>&1; then
	result=ok
else
	result='not ok'
	status=1
	grep -v '^#[0-9]' "$log" | tail -n 60 | sed 's/^/# /'
fi
runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
echo "# ${runs:-?} executions in $seconds s"
echo "$result 1 the emulation does what the model does"

# Only those inputs, so that another run says the same.
(cd "$build" && LLVM_PROFILE_FILE=emu.profraw ./emu-cover -runs=0 \
	corpus "$here/corpus" >cover.log 2>&1)
llvm-profdata merge -sparse "$build/emu.profraw" -o "$build/emu.profdata"
llvm-cov export -summary-only -instr-profile="$build/emu.profdata" \
	"$build/emu-cover" >"$build/cover.json"
cover=$(python3 - "$build/cover.json" <<'EOT'
import json
import sys

files = json.load(open(sys.argv[1], encoding="utf-8"))["data"][0]["files"]
lines = [f["summary"]["lines"] for f in files if "/cxl/emu/" in f["filename"]]
print(f"{sum(l['covered'] for l in lines)} {sum(l['count'] for l in lines)}")
EOT
)
covered=${cover% *}
lines=${cover#* }
echo "# $covered of $lines lines of emu/ reached"
if [ "$lines" -gt 0 ] && [ $((100 * covered)) -ge $((goal * lines)) ]; then
	result=ok
else
	result='not ok'
	status=1
	llvm-cov show -instr-profile="$build/emu.profdata" \
		-name-regex='^vfio_cxl_emu_' "$build/emu-cover" |
		grep -E '^ *[0-9]+\| +0\|' | head -n 60 | sed 's/^/# /' || true
fi
echo "$result 2 inputs reach at least $goal % of the emulation's lines"
exit $status
