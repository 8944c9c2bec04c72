# shellcheck shell=bash
# Another cluster instead of the local one: kind, or whatever the current kubeconfig names.

# other_up makes sure that the cluster of $CLUSTER answers.
other_up() {
	case $CLUSTER in
	kind)
		command -v kind >/dev/null || die "CLUSTER=kind needs the kind command and Docker or Podman"
		kind get clusters 2>/dev/null | grep -qx weightspace || kind_create
		kind export kubeconfig --name weightspace
		;;
	current) ;;
	*) die "CLUSTER is $CLUSTER: use local (the default), kind or current" ;;
	esac
	command -v kubectl >/dev/null || die "CLUSTER=$CLUSTER needs kubectl in PATH"
	command kubectl --request-timeout=20s get --raw /readyz >/dev/null ||
		die "the cluster of the current kubeconfig context does not answer: check KUBECONFIG and kubectl config current-context"
	say "Using the cluster of context $(command kubectl config current-context)."
}

# other_down removes what other_up made.
other_down() {
	case $CLUSTER in
	kind) kind delete cluster --name weightspace ;;
	*) say "CLUSTER=$CLUSTER: the cluster is yours, nothing to stop." ;;
	esac
}

# kind_create makes a cluster whose node sees the store folder of this machine at /store.
kind_create() {
	mkdir -p "$STORE" && chown 65532:65532 "$STORE"
	kind create cluster --name weightspace --config=- <<-EOT
		kind: Cluster
		apiVersion: kind.x-k8s.io/v1alpha4
		nodes:
		- role: control-plane
		  extraMounts:
		  - {hostPath: "$STORE", containerPath: /store}
	EOT
}
