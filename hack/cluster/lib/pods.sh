# shellcheck shell=bash
# What runs in the cluster: images, volumes, and the removal of left-over containers.

# import TARBALL... puts image archives into the cluster's containerd.
import() {
	local f
	for f in "$@"; do
		[ -f "$f" ] || die "no image archive $f: build it with go run ./hack/images"
		ctr images import "$f" >/dev/null || die "containerd did not take the image archive $f"
	done
}

# volume NAME NAMESPACE CLAIM [SIZE] makes a PersistentVolume on a folder that uid 65532 owns,
# reserved for one claim; a volume whose claim was deleted is offered again, with its files.
volume() {
	local name=$1 namespace=$2 claim=$3 size=${4:-20Gi} folder
	folder=$CLUSTER_STATE/volumes/$name
	[ "$name" != weightspace-demo ] || folder=$STORE
	mkdir -p "$folder" && chown 65532:65532 "$folder" && chmod 2770 "$folder"
	kubectl apply -f - >/dev/null <<-EOT
		apiVersion: storage.k8s.io/v1
		kind: StorageClass
		metadata: {name: local}
		provisioner: kubernetes.io/no-provisioner
		volumeBindingMode: Immediate
		---
		apiVersion: v1
		kind: PersistentVolume
		metadata: {name: $name}
		spec:
		  storageClassName: local
		  capacity: {storage: $size}
		  accessModes: [ReadWriteMany, ReadWriteOnce]
		  persistentVolumeReclaimPolicy: Retain
		  hostPath: {path: "$folder", type: Directory}
		  claimRef: {apiVersion: v1, kind: PersistentVolumeClaim, namespace: $namespace, name: $claim}
	EOT
	if [ "$(kubectl get pv "$name" -o jsonpath='{.status.phase}')" = Released ]; then
		kubectl patch pv "$name" --type=json -p '[{"op": "remove", "path": "/spec/claimRef/uid"}, {"op": "remove", "path": "/spec/claimRef/resourceVersion"}]' >/dev/null
	fi
	printf '%s\n' "$folder"
}

# remove_containers ends what is left of pods: containers, then the shims that keep them.
remove_containers() {
	local pid id bundle=$CLUSTER_RUN/containerd/state/io.containerd.runtime.v2.task/k8s.io
	if running containerd; then
		for id in $(ctr tasks list -q 2>/dev/null); do ctr tasks kill -s KILL -a "$id" >/dev/null 2>&1 || true; done
	fi
	# Shims of this containerd only: their command line names our socket.
	for pid in $(shims); do
		for id in $(ps -o pid= --ppid "$pid"); do kill -KILL "$id" 2>/dev/null || true; done
		kill -KILL "$pid" 2>/dev/null || true
	done
	for id in "$bundle"/*/; do
		[ -d "$id" ] || continue
		runc --root "$CLUSTER_RUN/runc/k8s.io" delete --force "$(basename "$id")" >/dev/null 2>&1 || true
	done
	local ns
	for ns in $(ip netns list 2>/dev/null | awk '$1 ~ /^cni-/ {print $1}'); do
		owned_netns "$ns" && ip netns delete "$ns" 2>/dev/null
	done
	return 0
}

# shims prints the process ids of the container shims that belong to this cluster.
shims() {
	local f
	for f in /proc/[0-9]*/cmdline; do
		if { tr '\0' ' ' <"$f"; } 2>/dev/null | grep -qF -- "-address $CONTAINERD_SOCKET"; then
			basename "$(dirname "$f")"
		fi
	done
}

# owned_netns NAME: is the interface in this network namespace on our subnet?
owned_netns() { ip -n "$1" -4 -o addr show 2>/dev/null | grep -q " ${NODE_IP%.*}\."; }
