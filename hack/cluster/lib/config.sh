# shellcheck shell=bash
# Configuration files of containerd, the CNI plugins, the kubelet and kube-proxy. Written at
# every start, so that a new version of this script takes effect.

write_config() {
	mkdir -p "$CONF/cni" "$LOGS" "$PIDS" "$CLUSTER_STATE/etcd" "$CLUSTER_STATE/kubelet" "$CLUSTER_RUN/containerd"
	chmod 700 "$CLUSTER_STATE/etcd"
	write_containerd_config
	write_cni_config
	write_kubelet_config
	write_kube_proxy_config
}

write_containerd_config() {
	# restrict_oom_score_adj: inside a container or microVM we may not lower our own score.
	cat >"$CONF/containerd.toml" <<-EOT
		version = 2
		root = "$CLUSTER_STATE/containerd"
		state = "$CLUSTER_RUN/containerd/state"
		disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs", "io.containerd.tracing.processor.v1.otlp"]
		[grpc]
		  address = "$CONTAINERD_SOCKET"
		[plugins."io.containerd.internal.v1.opt"]
		  path = "$CLUSTER_STATE/containerd/opt"
		[plugins."io.containerd.grpc.v1.cri"]
		  sandbox_image = "$PAUSE_IMAGE"
		  restrict_oom_score_adj = true
		  [plugins."io.containerd.grpc.v1.cri".cni]
		    bin_dir = "/usr/lib/cni"
		    conf_dir = "$CONF/cni"
		  [plugins."io.containerd.grpc.v1.cri".containerd]
		    default_runtime_name = "runc"
		    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
		      runtime_type = "io.containerd.runc.v2"
		      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
		        Root = "$CLUSTER_RUN/runc"
	EOT
}

write_cni_config() {
	cat >"$CONF/cni/10-weightspace.conflist" <<-EOT
		{
		  "cniVersion": "1.0.0",
		  "name": "weightspace",
		  "plugins": [
		    {
		      "type": "bridge", "bridge": "$BRIDGE", "isGateway": true, "ipMasq": true, "hairpinMode": true,
		      "ipam": {
		        "type": "host-local", "dataDir": "$CLUSTER_STATE/cni",
		        "ranges": [[{"subnet": "$POD_CIDR", "gateway": "$NODE_IP"}]],
		        "routes": [{"dst": "0.0.0.0/0"}]
		      }
		    },
		    {"type": "loopback"}
		  ]
		}
	EOT
}

write_kubelet_config() {
	cat >"$CONF/kubelet.yaml" <<-EOT
		apiVersion: kubelet.config.k8s.io/v1beta1
		kind: KubeletConfiguration
		address: 0.0.0.0
		containerRuntimeEndpoint: unix://$CONTAINERD_SOCKET
		podLogsDir: $CLUSTER_STATE/pod-logs
		tlsCertFile: $PKI/kubelet.crt
		tlsPrivateKeyFile: $PKI/kubelet.key
		authentication:
		  anonymous: {enabled: false}
		  webhook: {enabled: true}
		  x509: {clientCAFile: $PKI/ca.crt}
		authorization: {mode: Webhook}
		readOnlyPort: 0
		# Verified for machines without systemd and with cgroup v1 or nested cgroups.
		failCgroupV1: false
		cgroupDriver: cgroupfs
		cgroupsPerQOS: false
		enforceNodeAllocatable: []
		localStorageCapacityIsolation: false
		evictionHard: {}
		failSwapOn: false
		makeIPTablesUtilChains: false
		# Our images are imported, never pulled: garbage collection would lose them.
		imageGCHighThresholdPercent: 100
		shutdownGracePeriod: 0s
	EOT
}

write_kube_proxy_config() {
	cat >"$CONF/kube-proxy.yaml" <<-EOT
		apiVersion: kubeproxy.config.k8s.io/v1alpha1
		kind: KubeProxyConfiguration
		bindAddress: 127.0.0.1
		healthzBindAddress: 127.0.0.1:10256
		metricsBindAddress: 127.0.0.1:10249
		clientConnection: {kubeconfig: $PKI/kube-proxy.kubeconfig}
		clusterCIDR: $POD_CIDR
		hostnameOverride: $NODE
		mode: nftables
		# 0 leaves the kernel's conntrack settings as they are: they may be read-only here.
		conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s, udpTimeout: 0s, udpStreamTimeout: 0s}
	EOT
}
