// Command chart writes the generated templates of charts/weightspace (and the role of the
// namespaced overlay) from config/: custom
// resource definitions, RBAC and admission policies have one source, kustomize and Helm share it.
// The manager's Deployment and Services are written by hand; the test of this package holds
// the rendered chart against kustomize's output.
//
//	go run ./hack/chart [-root .]
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

const (
	header = "{{- /* Generated from config/ by hack/chart (make generate). Do not edit. */ -}}\n"
	// systemNamespace is the operator's namespace in config/; in the chart it is the release's.
	systemNamespace = "weightspace-system"
	managerName     = "weightspace-manager"
)

func main() {
	root := flag.String("root", ".", "the repository")
	flag.Parse()
	if err := generate(*root); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

// generate writes every generated template below root.
func generate(root string) error {
	out := filepath.Join(root, "charts", "weightspace", "templates", "generated")
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	crds, err := filepath.Glob(filepath.Join(root, "config", "crd", "bases", "*.yaml"))
	if err != nil {
		return err
	}
	for _, name := range crds {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		text, err := definition(string(b))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(out, "crd-"+filepath.Base(name)), []byte(text), 0o644); err != nil {
			return err
		}
	}
	for _, folder := range []string{"rbac", "admission"} {
		text, err := fromKustomization(filepath.Join(root, "config", folder))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, folder+".yaml"), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return overlay(root)
}

// overlay writes the cluster-wide role of the kustomize overlay for namespaced mode.
func overlay(root string) error {
	b, err := os.ReadFile(filepath.Join(root, "config", "rbac", "role.yaml"))
	if err != nil {
		return err
	}
	text, err := clusterScoped(string(b))
	if err != nil {
		return err
	}
	const comment = "# Generated from config/rbac/role.yaml by hack/chart (make generate). Do not edit.\n"
	return os.WriteFile(filepath.Join(root, "config", "overlays", "namespaced", "cluster-role.yaml"), []byte(comment+text), 0o644)
}

// definition makes a template of a custom resource definition: optional, and kept on uninstall.
func definition(text string) (string, error) {
	text = strings.TrimPrefix(escape(text), "---\n")
	const mark = "  annotations:\n"
	before, after, ok := strings.Cut(text, mark)
	if !ok {
		return "", fmt.Errorf("no annotations: was it written by controller-gen?")
	}
	return header + "{{- if .Values.crds.install }}\n" + before + mark + "    helm.sh/resource-policy: keep\n" + after + "{{- end }}\n", nil
}

// fromKustomization joins the resources of a kustomization into one template.
func fromKustomization(folder string) (string, error) {
	b, err := os.ReadFile(filepath.Join(folder, "kustomization.yaml"))
	if err != nil {
		return "", err
	}
	var k struct {
		Resources []string `json:"resources"`
	}
	if err := yaml.Unmarshal(b, &k); err != nil {
		return "", fmt.Errorf("%s: %w", folder, err)
	}
	var docs []string
	for _, name := range k.Resources {
		b, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return "", err
		}
		for doc := range strings.SplitSeq("\n"+string(b), "\n---\n") {
			if strings.TrimSpace(doc) == "" {
				continue
			}
			text, err := object(doc)
			if err != nil {
				return "", fmt.Errorf("%s: %w", name, err)
			}
			docs = append(docs, text)
		}
	}
	return header + strings.Join(docs, "---\n"), nil
}

// object makes a template of one object of config/rbac or config/admission.
func object(doc string) (string, error) {
	var o metav1.PartialObjectMetadata
	if err := yaml.Unmarshal([]byte(doc), &o); err != nil {
		return "", err
	}
	text := namespaced(escape(strings.Trim(doc, "\n") + "\n"))
	if o.Name != managerName {
		return text, nil
	}
	switch o.Kind {
	case "ClusterRole":
		scoped, err := clusterScoped(doc)
		if err != nil {
			return "", err
		}
		return text + "{{- if .Values.watchNamespaces }}\n---\n" + escape(scoped) + "{{- end }}\n", nil
	case "ClusterRoleBinding":
		return "{{- if .Values.watchNamespaces }}\n" + clusterBinding + "{{- range .Values.watchNamespaces }}\n---\n" + namespaceBinding +
			"{{- end }}\n{{- else }}\n" + text + "{{- end }}\n", nil
	}
	return text, nil
}

// clusterWide are the resources the manager needs that no RoleBinding can grant.
var clusterWide = map[string]bool{
	"artifactstores": true, "artifactstores/status": true, "namespaces": true,
	"tokenreviews": true, "subjectaccessreviews": true,
}

// clusterScoped is the role left cluster-wide in namespaced mode.
func clusterScoped(doc string) (string, error) {
	var role rbacv1.ClusterRole
	if err := yaml.Unmarshal([]byte(doc), &role); err != nil {
		return "", err
	}
	small := map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
		"metadata": map[string]any{"name": managerName + "-cluster"},
	}
	var rules []rbacv1.PolicyRule
	for _, r := range role.Rules {
		var keep []string
		for _, name := range r.Resources {
			if clusterWide[name] {
				keep = append(keep, name)
			}
		}
		if len(keep) > 0 {
			r.Resources = keep
			rules = append(rules, r)
		}
	}
	small["rules"] = rules
	b, err := yaml.Marshal(small)
	return string(b), err
}

const clusterBinding = `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: weightspace-manager-cluster
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: weightspace-manager-cluster}
subjects:
- {kind: ServiceAccount, name: weightspace-manager, namespace: {{ .Release.Namespace }}}
`

const namespaceBinding = `apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: weightspace-manager
  namespace: {{ . }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: weightspace-manager}
subjects:
- {kind: ServiceAccount, name: weightspace-manager, namespace: {{ $.Release.Namespace }}}
`

// escape keeps Helm from reading template actions in foreign text.
func escape(text string) string { return strings.ReplaceAll(text, "{{", `{{ "{{" }}`) }

// namespaced puts the release's namespace in place of ours.
func namespaced(text string) string {
	return strings.ReplaceAll(text, systemNamespace, "{{ .Release.Namespace }}")
}
