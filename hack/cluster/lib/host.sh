# shellcheck shell=bash
# What the cluster needs from the machine: Debian packages, a bridge, IP forwarding.

# package:program pairs.
PACKAGES=(containerd:containerd runc:runc containernetworking-plugins:/usr/lib/cni/bridge
	nftables:nft iptables:iptables conntrack:conntrack iproute2:ip openssl:openssl
	procps:ps util-linux:flock mount:umount)

# ensure_packages installs what is missing with apt-get and says so.
ensure_packages() {
	local missing=() p
	for p in "${PACKAGES[@]}"; do
		PATH="$PATH:/usr/sbin:/sbin" command -v "${p#*:}" >/dev/null || missing+=("${p%%:*}")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	command -v apt-get >/dev/null || die "missing: ${missing[*]}. Install them by your distribution's package manager; only Debian and Ubuntu are installed automatically"
	step "Installing Debian packages: ${missing[*]}"
	mkdir -p "$LOGS"
	# No service starts: the cluster runs a containerd of its own.
	local log=$LOGS/apt.log policy=/usr/sbin/policy-rc.d made=
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy && made=1
	fi
	local rc=0
	{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 || rc=$?
	[ -z "$made" ] || rm -f $policy
	if [ $rc != 0 ]; then
		tail -n 20 "$log" >&2
		die "apt-get could not install ${missing[*]}; the full output is in $log"
	fi
}

# ensure_network makes the bridge whose address the API server and the kubelet listen on.
ensure_network() {
	if ! ip link show "$BRIDGE" >/dev/null 2>&1; then
		ip link add "$BRIDGE" type bridge
	fi
	ip addr replace "$NODE_IP/${POD_CIDR#*/}" dev "$BRIDGE"
	ip link set "$BRIDGE" up
	local forward=/proc/sys/net/ipv4/ip_forward
	if [ "$(cat $forward)" != 1 ]; then
		touch "$CLUSTER_STATE/ip_forward_was_0"
		echo 1 >$forward
	fi
	# Service addresses reached from pods on the same bridge need this; optional.
	if command -v modprobe >/dev/null; then modprobe br_netfilter 2>/dev/null || true; fi
}

# remove_network undoes ensure_network and what kube-proxy and the CNI plugins left.
remove_network() {
	ip link delete "$BRIDGE" 2>/dev/null || true
	local family
	for family in ip ip6; do nft delete table $family kube-proxy 2>/dev/null || true; done
	remove_masquerade
	if [ -e "$CLUSTER_STATE/ip_forward_was_0" ]; then
		echo 0 >/proc/sys/net/ipv4/ip_forward
		rm -f "$CLUSTER_STATE/ip_forward_was_0"
	fi
}

# remove_masquerade deletes the iptables rules of pods that were killed rather than deleted.
remove_masquerade() {
	local number chain
	iptables -t nat -nL POSTROUTING --line-numbers 2>/dev/null | grep 'name: "weightspace"' | sort -rn |
		while read -r number chain _; do
			iptables -t nat -D POSTROUTING "$number" && iptables -t nat -F "$chain" && iptables -t nat -X "$chain"
		done || true
}

# mounts_at FOLDER prints what is mounted on the folder and below it, deepest first.
mounts_at() {
	awk -v d="$1" '$5 == d || index($5, d "/") == 1 {print $5}' /proc/self/mountinfo | sort -r
}

# unmount_below FOLDER... unmounts everything on and below the folders. Fails if something
# stays: deleting the folder would then delete files of a volume.
unmount_below() {
	local d m
	for d in "$@"; do
		while read -r m; do umount -l "$(printf '%b' "$m")" 2>/dev/null || true; done < <(mounts_at "$d")
		[ -z "$(mounts_at "$d")" ] || die "could not unmount $(mounts_at "$d" | head -n 1): end what uses it and try again"
	done
}
