# shellcheck shell=bash
#
# What the suites of foreign clients share: installing a client once into build/clients (again when its pins change), and saying
# "not run" where that is impossible. A suite that is not run has no tests, so none of them counts as passed.

set -u
export LC_ALL=C.UTF-8
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
ROOT=$(cd "$HERE/../../.." && pwd -P)
CLIENTS=${ORGSYNC_CLIENTS:-$ROOT/build/clients}
export SIMULATOR=${SIMULATOR:-${ORGSYNC_BIN:-$ROOT/build/bin}/orgsync-simulator}

not_run() { # WHY
	printf '1..0 # SKIP not run: %s\n' "$*"
	exit 0
}

not_installed() { # NAME LOG: a lock file that does not match is our own fault
	local why
	if grep -q 'code EUSAGE' "$2"; then
		printf '1..1\nnot ok 1 - the pins of %s agree\n' "$1"
		sed 's/^/# /' "$2"
		exit 1
	fi
	why=$(grep -m1 -i error "$2" || echo "it took too long")
	not_run "$1 cannot be installed: ${why:0:120}"
}

# Installs a client by COMMAND into a new folder, which takes its place when all went well.
install_client() { # NAME PINS COMMAND...: COMMAND is run in the folder
	local name=$1 pins=$2 want have log
	shift 2
	mkdir -p "$CLIENTS"
	exec 9>"$CLIENTS/$name.lock"
	flock 9
	want=$(cat -- "$pins"/* | sha256sum)
	have=$(cat "$CLIENTS/$name/.pins" 2>/dev/null)
	if [[ $have != "$want" ]]; then
		log=$CLIENTS/$name.log
		rm -rf "${CLIENTS:?}/$name" "$CLIENTS/$name.new"
		mkdir "$CLIENTS/$name.new"
		cp -- "$pins"/* "$CLIENTS/$name.new/"
		(cd "$CLIENTS/$name.new" && timeout 180 "$@") >"$log" 2>&1 9>&- || not_installed "$name" "$log"
		printf '%s\n' "$want" >"$CLIENTS/$name.new/.pins"
		mv "$CLIENTS/$name.new" "$CLIENTS/$name"
	fi
	exec 9>&-
}

install_npm() { # NAME: as NAME/package-lock.json pins it
	command -v npm >/dev/null || not_run "$1 needs npm, which is not installed"
	install_client "$1" "$HERE/$1" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error --fetch-retries=1 \
		--fetch-timeout=60000
}

install_pip() { # NAME: as NAME/requirements.txt pins it
	python3 -m pip --version >/dev/null 2>&1 || not_run "$1 needs pip, which is not installed"
	install_client "$1" "$HERE/$1" python3 -m pip install --quiet --disable-pip-version-check --no-input --retries 1 --timeout 30 \
		--target . --requirement requirements.txt
}
