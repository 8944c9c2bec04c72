# shellcheck shell=bash
# Starting and stopping the seven processes, one by one.

# In starting order.
ALL=(containerd etcd apiserver controller-manager scheduler kubelet proxy)

# program NAME prints the path of a component's program.
program() {
	case $1 in
	containerd) command -v containerd ;;
	etcd) printf '%s' "$KUBE_BIN/etcd" ;;
	kubelet) printf '%s' "$KUBE_BIN/kubelet" ;;
	apiserver | controller-manager | scheduler | proxy) printf '%s' "$KUBE_BIN/kube-$1" ;;
	*) die "no component is called $1; there are: ${ALL[*]}" ;;
	esac
}

# pid_of NAME prints the process id when the component runs. A pid file left behind by a crash
# does not count, even when its number now belongs to another program.
pid_of() {
	local pid
	pid=$(cat "$PIDS/$1.pid" 2>/dev/null) || return 1
	local words=()
	{ mapfile -d '' -t words <"/proc/$pid/cmdline"; } 2>/dev/null || return 1
	[ "${words[0]:-}" = "$(program "$1")" ] || return 1
	[ "$(awk '{print $3}' "/proc/$pid/stat" 2>/dev/null)" != Z ] || return 1
	printf '%s' "$pid"
}

running() { pid_of "$1" >/dev/null; }

# spawn NAME ARGUMENTS... starts a component in a session of its own, its log appended.
spawn() {
	local name=$1 log=$LOGS/$1.log
	shift
	[ "$(stat -c %s "$log" 2>/dev/null || echo 0)" -lt 50000000 ] || mv -f "$log" "$log.old"
	printf '=== start %s\n' "$(date -u +%FT%TZ)" >>"$log"
	setsid "$(program "$name")" "$@" >>"$log" 2>&1 </dev/null 9>&- &
	echo $! >"$PIDS/$name.pid"
	# Until the new process has become the program, it would look like a stale pid file.
	for _ in {1..50}; do running "$name" && return; sleep 0.05; done
}

# stop NAME [SIGNAL] ends one component and waits for it; after 20 s it is killed.
stop() {
	local pid signal=${2:-TERM} start=$SECONDS
	pid=$(pid_of "$1") || return 0
	kill "-$signal" "$pid" 2>/dev/null || true
	while running "$1"; do
		if ((SECONDS - start >= 20)); then kill -KILL "$pid" 2>/dev/null || true; fi
		sleep 0.1
	done
	rm -f "$PIDS/$1.pid"
}

# start NAME starts one component unless it runs, and waits until it is ready.
start() {
	running "$1" || "run_${1//-/_}"
	"await_${1//-/_}"
}

run_containerd() { spawn containerd --config "$CONF/containerd.toml"; }
await_containerd() { wait_for 60 "containerd's socket" containerd ctr version; }

run_etcd() {
	spawn etcd --name weightspace --data-dir "$CLUSTER_STATE/etcd" \
		--listen-client-urls "$ETCD_CLIENT" --advertise-client-urls "$ETCD_CLIENT" \
		--listen-peer-urls "$ETCD_PEER" --initial-advertise-peer-urls "$ETCD_PEER" \
		--initial-cluster "weightspace=$ETCD_PEER" --auto-compaction-retention=1h --log-level=warn
}
await_etcd() { wait_for 60 "etcd's port" etcd bash -c "exec 3<>/dev/tcp/127.0.0.1/12379"; }

run_apiserver() {
	spawn apiserver --etcd-servers="$ETCD_CLIENT" --bind-address="$NODE_IP" --advertise-address="$NODE_IP" \
		--secure-port=6443 --service-cluster-ip-range="$SERVICE_CIDR" \
		--tls-cert-file="$PKI/apiserver.crt" --tls-private-key-file="$PKI/apiserver.key" \
		--client-ca-file="$PKI/ca.crt" --token-auth-file="$PKI/tokens.csv" \
		--authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
		--service-account-issuer=https://kubernetes.default.svc \
		--service-account-key-file="$PKI/service-account.pub" \
		--service-account-signing-key-file="$PKI/service-account.key" \
		--kubelet-certificate-authority="$PKI/ca.crt" --kubelet-preferred-address-types=InternalIP \
		--kubelet-client-certificate="$PKI/apiserver-kubelet-client.crt" \
		--kubelet-client-key="$PKI/apiserver-kubelet-client.key" \
		--allow-privileged=true --profiling=false --cert-dir="$PKI"
}
await_apiserver() { wait_for 120 "the API server's /readyz" apiserver kubectl get --raw /readyz; }

run_controller_manager() {
	spawn controller-manager --kubeconfig="$PKI/kube-controller-manager.kubeconfig" --bind-address=127.0.0.1 \
		--leader-elect=false --use-service-account-credentials=true --root-ca-file="$PKI/ca.crt" \
		--service-account-private-key-file="$PKI/service-account.key" --allocate-node-cidrs=false \
		--kube-api-qps=200 --kube-api-burst=400 --profiling=false
}
await_controller_manager() {
	wait_for 60 "the default ServiceAccount" controller-manager kubectl -n default get serviceaccount default
}

run_scheduler() {
	spawn scheduler --kubeconfig="$PKI/kube-scheduler.kubeconfig" --bind-address=127.0.0.1 \
		--leader-elect=false --profiling=false
}
await_scheduler() { wait_for 60 "the scheduler's port" scheduler bash -c "exec 3<>/dev/tcp/127.0.0.1/10259"; }

run_kubelet() {
	spawn kubelet --config="$CONF/kubelet.yaml" --kubeconfig="$PKI/kubelet.kubeconfig" \
		--root-dir="$CLUSTER_STATE/kubelet" --hostname-override="$NODE" --node-ip="$NODE_IP"
}
node_ready() { kubectl wait --for=condition=Ready "node/$NODE" --timeout=1s; }
await_kubelet() { wait_for 90 "the node to be Ready" kubelet node_ready; }

run_proxy() { spawn proxy --config="$CONF/kube-proxy.yaml"; }
vip_answers() { bash -c "exec 3<>/dev/tcp/$SERVICE_VIP/443"; }
await_proxy() { wait_for 60 "the API server at its service address $SERVICE_VIP" proxy vip_answers; }
