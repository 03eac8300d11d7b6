#!/usr/bin/env bash
# The inputs that the fuzzers start from, and those that once broke something, against the readers with sanitizers.
set -u
cd "$(dirname "$0")" || exit
n=0
while IFS= read -r line; do
	case $line in
	"ok - "* | "not ok - "*)
		n=$((n + 1))
		echo "${line%% - *} $n - ${line#* - }"
		;;
	*) echo "# $line" ;;
	esac
done < <(./run --replay 2>&1)
sources=(fuzz_*.c)
((n == ${#sources[@]})) || { n=$((n + 1)); echo "not ok $n - a target for each fuzz_*.c"; }
echo "1..$n"
