# shellcheck shell=bash disable=SC2034 # other files use the settings
# Settings, messages and waiting, shared by every script of the local cluster.
# Everything of the cluster lives in $CLUSTER_STATE (kept files) and $CLUSTER_RUN (sockets,
# pid files); nothing of another container engine on this machine is touched.

set -euo pipefail

CLUSTER_SRC="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
REPO="$(cd "$CLUSTER_SRC/../.." && pwd)"
: "${HOME:=/root}"
WEIGHTSPACE_CACHE="${WEIGHTSPACE_CACHE:-$HOME/.cache/weightspace}"
CLUSTER_STATE="${CLUSTER_STATE:-$WEIGHTSPACE_CACHE/cluster}"
CLUSTER_RUN="${CLUSTER_RUN:-/run/weightspace}"

KUBERNETES_VERSION="$(awk '$1 == "k8s.io/kubernetes" {print $2}' "$CLUSTER_SRC/go.mod")"
ETCD_VERSION="$(awk '$1 == "go.etcd.io/etcd/server/v3" && $2 {print $2}' "$CLUSTER_SRC/go.mod")"
KUBE_BIN="$WEIGHTSPACE_CACHE/kubernetes/$KUBERNETES_VERSION/bin"

NODE=weightspace
BRIDGE=weightspace0
NODE_IP=10.244.0.1              # the bridge's address: API server and kubelet are reached there
POD_CIDR=10.244.0.0/24
SERVICE_CIDR=10.96.0.0/24
SERVICE_VIP=10.96.0.1
APISERVER=https://$NODE_IP:6443
ETCD_CLIENT=http://127.0.0.1:12379
ETCD_PEER=http://127.0.0.1:12380

PKI=$CLUSTER_STATE/pki
CONF=$CLUSTER_STATE/config
LOGS=$CLUSTER_STATE/logs
PIDS=$CLUSTER_RUN/pids
STORE=$CLUSTER_STATE/store      # folder behind the demo's PersistentVolume
ADMIN_KUBECONFIG=$CLUSTER_STATE/kubeconfig
CONTAINERD_SOCKET=$CLUSTER_RUN/containerd/containerd.sock

say()  { printf '%s\n' "$*"; }
step() { if [ -t 1 ]; then printf '\033[1m==>\033[0m %s\n' "$*"; else printf '==> %s\n' "$*"; fi; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die()  { printf 'error: %s\n' "$*" >&2; exit 1; }

# need_root stops with a way out when the caller may not run containers.
need_root() {
	[ "$(id -u)" = 0 ] || die "the local cluster runs containerd and a kubelet, which needs root: run it with sudo, or use another cluster with CLUSTER=kind or CLUSTER=current (see hack/cluster/README.md)"
}

# lock makes two scripts at a time impossible; the lock goes with the process.
lock() {
	mkdir -p "$CLUSTER_RUN"
	exec 9>"$CLUSTER_RUN/lock"
	flock -w 600 9 || die "another hack/cluster script has held $CLUSTER_RUN/lock for 10 minutes"
}

# wait_for SECONDS WHAT LOGNAME COMMAND... runs the command until it succeeds. After the
# deadline it prints the end of the component's log and fails.
wait_for() {
	local limit=$1 what=$2 log=$3 start=$SECONDS
	shift 3
	# The component must be alive too: another process may hold its port.
	until "$@" >/dev/null 2>&1 && { [ -z "$log" ] || running "$log"; }; do
		if [ -n "$log" ] && ! running "$log"; then
			show_log "$log"
			die "$log stopped while waiting for $what; its log is $LOGS/$log.log"
		fi
		if ((SECONDS - start >= limit)); then
			[ -z "$log" ] || show_log "$log"
			die "$what: not after $limit s${log:+; the log of $log is $LOGS/$log.log}"
		fi
		sleep 0.3
	done
}

# show_log NAME prints the end of a component's log.
show_log() {
	[ -f "$LOGS/$1.log" ] || return 0
	printf -- '--- last lines of %s ---\n' "$LOGS/$1.log" >&2
	tail -n 30 "$LOGS/$1.log" >&2
	printf -- '---\n' >&2
}

kubectl() { "$KUBE_BIN/kubectl" --kubeconfig "$ADMIN_KUBECONFIG" --request-timeout=20s "$@"; }
ctr()     { command ctr --address "$CONTAINERD_SOCKET" --namespace k8s.io "$@"; }
