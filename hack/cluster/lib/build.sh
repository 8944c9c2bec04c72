# shellcheck shell=bash disable=SC2034 # PAUSE_TAR and PAUSE_IMAGE are results
# Builds etcd and Kubernetes from the Go module proxy, once per version and go.sum.

COMPONENTS=(kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl)

# assets_stamp names exactly what the binaries were built from.
assets_stamp() {
	printf 'kubernetes %s etcd %s go.sum %s\n' "$KUBERNETES_VERSION" "$ETCD_VERSION" \
		"$(sha256sum <"$CLUSTER_SRC/go.sum" | cut -d' ' -f1)"
}

assets_present() {
	local b
	for b in etcd "${COMPONENTS[@]}"; do [ -x "$KUBE_BIN/$b" ] || return 1; done
	[ "$(cat "$KUBE_BIN/.stamp" 2>/dev/null)" = "$(assets_stamp)" ]
}

# ensure_assets builds the control plane unless it is there. Binaries appear by rename, so a
# running component keeps the file it was started from.
ensure_assets() {
	assets_present && return 0
	command -v go >/dev/null || die "go is not in PATH: install Go $(awk '$1 == "go" {print $2}' "$CLUSTER_SRC/go.mod") or newer"
	step "Building etcd $ETCD_VERSION and Kubernetes $KUBERNETES_VERSION from source (once; about 7 minutes on 2 cores)"
	local tmp=$KUBE_BIN/.build start=$SECONDS flags p c
	rm -rf "$tmp" && mkdir -p "$tmp"
	flags="-s -w"
	for p in component-base/version client-go/pkg/version; do
		flags+=" -X k8s.io/$p.gitVersion=$KUBERNETES_VERSION -X k8s.io/$p.gitCommit=unknown -X k8s.io/$p.gitTreeState=clean"
		flags+=" -X k8s.io/$p.gitMajor=$(cut -d. -f1 <<<"${KUBERNETES_VERSION#v}") -X k8s.io/$p.gitMinor=$(cut -d. -f2 <<<"$KUBERNETES_VERSION")"
	done
	(
		cd "$CLUSTER_SRC"
		export CGO_ENABLED=0 GOWORK=off
		go build -trimpath -ldflags "-s -w" -o "$tmp/etcd" go.etcd.io/etcd/server/v3
		for c in "${COMPONENTS[@]}"; do
			say "    $c"
			go build -trimpath -ldflags "$flags" -o "$tmp/$c" "k8s.io/kubernetes/cmd/$c"
		done
	) || die "the control plane did not build: see the compiler's message above"
	mv -f "$tmp"/* "$KUBE_BIN/" && rmdir "$tmp"
	assets_stamp >"$KUBE_BIN/.stamp"
	say "    built in $((SECONDS - start)) s: $KUBE_BIN"
}

# ensure_pause_image builds the sandbox image from our own source: sets PAUSE_TAR, PAUSE_IMAGE.
ensure_pause_image() {
	local out=$WEIGHTSPACE_CACHE/images
	PAUSE_TAR=$out/pause.tar
	(cd "$REPO" && go run ./hack/images -quiet -no-sbom -version local -out "$out" pause) ||
		die "the pause image did not build"
	PAUSE_IMAGE=$(sed -n 's/^PAUSE_IMAGE=//p' "$out/images.env")
	[ -n "$PAUSE_IMAGE" ] || die "$out/images.env names no pause image"
}
