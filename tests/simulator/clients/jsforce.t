#!/usr/bin/env bash
# jsforce (JavaScript) does its everyday work against the simulator.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install_npm jsforce
export NODE_PATH=$CLIENTS/jsforce/node_modules
exec python3 "$HERE/serve.py" node "$HERE/jsforce.cjs"
