#!/usr/bin/env bash
# Ends the demo. The artifacts and the report stay; PURGE=1 deletes them too.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case $CLUSTER in
local | kind) "$REPO/hack/cluster/down" ${PURGE:+--purge} ;;
current)
	kubectl delete namespace "$NAMESPACE" --ignore-not-found --timeout=120s
	printf 'The operator stays. Remove it and its CRDs (with every object of theirs) with: kubectl delete -k config/default\n'
	;;
esac
[ -z "${PURGE:-}" ] || rm -rf "$OUT"
