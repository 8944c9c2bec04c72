# shellcheck shell=bash
# Certificates, tokens and kubeconfigs. Made once, kept in $PKI (mode 0700).

# issue NAME SUBJECT EXTENSIONS makes a key and a certificate signed by the cluster's CA.
issue() {
	local name=$1 subject=$2 extensions=$3
	openssl req -new -newkey rsa:2048 -nodes -keyout "$PKI/$name.key" -subj "$subject" -out "$PKI/$name.csr" 2>/dev/null
	openssl x509 -req -in "$PKI/$name.csr" -CA "$PKI/ca.crt" -CAkey "$PKI/ca.key" -CAcreateserial -days 3650 \
		-extfile <(printf '%s\n' "$extensions") -out "$PKI/$name.crt" 2>/dev/null
	rm -f "$PKI/$name.csr"
}

ensure_pki() {
	[ -e "$PKI/.complete" ] && return 0
	rm -rf "$PKI" && mkdir -p "$PKI" && chmod 700 "$PKI"
	openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=weightspace-local-ca" \
		-keyout "$PKI/ca.key" -out "$PKI/ca.crt" 2>/dev/null
	issue apiserver "/CN=kube-apiserver" "subjectAltName=IP:$NODE_IP,IP:$SERVICE_VIP,IP:127.0.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"$'\n'"extendedKeyUsage=serverAuth"
	issue kubelet "/CN=system:node:$NODE/O=system:nodes" "subjectAltName=IP:$NODE_IP,DNS:$NODE"$'\n'"extendedKeyUsage=serverAuth"
	issue apiserver-kubelet-client "/CN=kube-apiserver-kubelet-client/O=system:masters" "extendedKeyUsage=clientAuth"
	openssl genrsa -out "$PKI/service-account.key" 2048 2>/dev/null
	openssl rsa -in "$PKI/service-account.key" -pubout -out "$PKI/service-account.pub" 2>/dev/null
	make_tokens
	touch "$PKI/.complete"
}

# make_tokens writes the API server's token file and one kubeconfig per component.
make_tokens() {
	local file=$PKI/tokens.csv name user groups token
	(umask 077; : >"$file")
	while read -r name user groups; do
		token=$(openssl rand -hex 24)
		printf '%s,%s,%s%s\n' "$token" "$user" "$user" "${groups:+,$groups}" >>"$file"
		write_kubeconfig "$PKI/$name.kubeconfig" "$user" "$token"
	done <<-EOT
		admin weightspace-admin system:masters
		kube-controller-manager system:kube-controller-manager
		kube-scheduler system:kube-scheduler
		kube-proxy system:kube-proxy
		kubelet system:node:$NODE system:nodes
	EOT
	(umask 077; cp "$PKI/admin.kubeconfig" "$ADMIN_KUBECONFIG")
}

# write_kubeconfig FILE USER TOKEN
write_kubeconfig() {
	(umask 077; cat >"$1") <<-EOT
		apiVersion: v1
		kind: Config
		clusters:
		- name: weightspace
		  cluster: {server: "$APISERVER", certificate-authority-data: $(base64 -w0 <"$PKI/ca.crt")}
		users:
		- name: "$2"
		  user: {token: "$3"}
		contexts:
		- name: weightspace
		  context: {cluster: weightspace, user: "$2"}
		current-context: weightspace
	EOT
}
