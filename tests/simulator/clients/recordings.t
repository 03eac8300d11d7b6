#!/usr/bin/env bash
# Conversations and describes recorded from real orgs, against the simulator's. They are no part of the project.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export FIXTURES=${FIXTURES:-$(dirname "$ROOT")/shared/fixtures}
[[ -d $FIXTURES/rest ]] || not_run "there are no recordings in $(basename "$(dirname "$FIXTURES")")/$(basename "$FIXTURES") beside the repository"
python3 -c 'import yaml' 2>/dev/null || not_run "reading the recordings needs Python's yaml module"
exec python3 "$ROOT/tests/tap.py" "$HERE/recordings.py"
