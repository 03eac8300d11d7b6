#!/usr/bin/env bash
# The inputs that the fuzzers start from, and those that once broke something, against the readers with sanitizers.
set -u
cd "$(dirname "$0")" || exit
n=0
for source in fuzz_*.c; do
	target=${source#fuzz_}
	target=${target%.c}
	n=$((n + 1))
	if out=$(./run --replay "$target" 2>&1); then
		echo "ok $n - ${out##*ok - }"
	else
		echo "not ok $n - $target"
		tail -n 40 <<<"$out" | sed 's/^/# /'
	fi
done
echo "1..$n"
