#!/usr/bin/env bash
# The Salesforce CLI and its plugin SFDMU do their everyday work against the simulator.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install_npm cli
DIR=$(mktemp -d "${TMPDIR:-/tmp}/orgsync-cli.XXXXXX") || exit
trap 'rm -rf "$DIR"' EXIT
trap 'exit 143' INT TERM HUP
cd "$DIR" || exit
export HOME=$DIR CLI_ROOT=$CLIENTS/cli SF_DISABLE_TELEMETRY=true SF_AUTOUPDATE_DISABLE=true SF_SKIP_NEW_VERSION_CHECK=true \
	SF_USE_GENERIC_UNIX_KEYCHAIN=true NODE_NO_WARNINGS=1
python3 "$HERE/serve.py" node "$HERE/cli.mjs"
