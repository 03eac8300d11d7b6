#!/usr/bin/env bash
# Replies that never come though the org has committed, cut bodies, slow commits after a lost connection, 503, 429, dead sessions.
. "$(dirname "$0")/lib.sh"
faults_begin
worker one
worker two

for template in demo demo-nokey; do
	for kind in drop-after drop-before slow-commit cut-body 503 429 html session lock; do
		start_trial $template
		curl -sf -d "[{\"match\":\"POST /composite\",\"kind\":\"$kind\",\"probability\":0.15,\"count\":8,\"ms\":1000}]" \
			"$DST/__sim/faults" >/dev/null || bail "no fault"
		judge "$template: $kind" $template
	done
done
e2e_end
