# shellcheck shell=bash disable=SC2034 # the scripts that source this file use the settings
# Shared by the demo's scripts: settings, steps with their time, what to show on failure.

set -euo pipefail

DEMO_DIR="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
REPO="$(cd "$DEMO_DIR/../.." && pwd)"
WEIGHTSPACE_CACHE="${WEIGHTSPACE_CACHE:-$HOME/.cache/weightspace}"
CLUSTER="${CLUSTER:-local}"
export CLUSTER
NAMESPACE=weightspace-demo
SYSTEM=weightspace-system
ZOO=mnist-small
OUT="$REPO/dist/demo"                      # what the demo leaves in the tree (git-ignored)
WEIGHTSPACE="$REPO/dist/bin/$(go env GOARCH)/weightspace"
HOST_STORE="$WEIGHTSPACE_CACHE/cluster/store"
BEGAN=$SECONDS
STEP=

bold() { if [ -t 1 ]; then printf '\033[1m%s\033[0m' "$1"; else printf '%s' "$1"; fi; }

# begin WHAT WHY starts a step; the time of the one before is printed.
begin() {
	finish_step
	STEP=$1
	STEP_BEGAN=$SECONDS
	printf '\n%s\n    %s\n' "$(bold "==> $1")" "$2"
}

finish_step() {
	[ -n "$STEP" ] || return 0
	printf '    done after %d s\n' $((SECONDS - STEP_BEGAN))
	STEP=
}

die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# use_cluster points kubectl at the demo's cluster.
use_cluster() {
	if [ "$CLUSTER" = local ]; then
		KUBECONFIG="$("$REPO/hack/cluster/ctl" kubeconfig)"
		PATH="$("$REPO/hack/cluster/assets"):$PATH"
		export KUBECONFIG PATH
	fi
}

# in_demo runs kubectl in the demo's namespace.
in_demo() { kubectl -n "$NAMESPACE" "$@"; }

# condition KIND NAME TYPE prints True, False, Unknown or nothing.
condition() {
	in_demo get "$1" "$2" -o jsonpath="{.status.conditions[?(@.type==\"$3\")].status}" 2>/dev/null || true
}

# explain prints what one needs to understand a failure; it never fails itself.
explain() {
	set +e
	printf '\n%s\n' "$(bold "The demo failed in the step: ${STEP:-start}")" >&2
	{
		printf -- '\n--- objects ---\n'
		in_demo get datasets,modelzoos,jobs,pods,pvc -o wide
		for kind in dataset/mnist "modelzoo/$ZOO"; do
			printf -- '\n--- conditions of %s ---\n' "$kind"
			in_demo get "$kind" -o jsonpath='{range .status.conditions[*]}{.type}={.status} {.reason}: {.message}{"\n"}{end}'
		done
		printf -- '\n--- events ---\n'
		in_demo get events --sort-by=.lastTimestamp | tail -n 20
		printf -- '\n--- pods that failed ---\n'
		for pod in $(in_demo get pods --field-selector=status.phase=Failed -o name | head -n 3); do
			printf '%s\n' "$pod"
			in_demo logs "$pod" --tail=20
		done
		printf -- '\n--- manager ---\n'
		kubectl -n "$SYSTEM" get pods -o wide
		kubectl -n "$SYSTEM" get events --sort-by=.lastTimestamp | tail -n 10
		kubectl -n "$SYSTEM" logs deployment/weightspace-manager --tail=30
	} >&2 2>&1
	printf '\nRun it again after a fix: finished steps and finished models are not done twice.\n' >&2
}
