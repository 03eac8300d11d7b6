#!/usr/bin/env bash
# simple-salesforce (Python) does its everyday work against the simulator.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install_pip simple-salesforce
export PYTHONPATH=$CLIENTS/simple-salesforce PYTHONDONTWRITEBYTECODE=1
exec python3 "$HERE/serve.py" python3 "$ROOT/tests/tap.py" "$HERE/simple_salesforce_suite.py"
