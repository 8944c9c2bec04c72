//go:build chart

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

const chart = "../../charts/weightspace"

// helm runs helm (HELM names it) and returns its output and error.
func helm(t *testing.T, args ...string) (string, error) {
	t.Helper()
	program := os.Getenv("HELM")
	if program == "" {
		t.Fatal("HELM is not set; run the tests with `make test-chart`")
	}
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	return string(out), err
}

// objects parses manifests into maps by "Kind/namespace/name".
func objects(t *testing.T, text string) map[string]map[string]any {
	t.Helper()
	out := map[string]map[string]any{}
	for doc := range strings.SplitSeq("\n"+text, "\n---\n") {
		var o map[string]any
		if err := yaml.Unmarshal([]byte(doc), &o); err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		if len(o) == 0 {
			continue
		}
		meta := o["metadata"].(map[string]any)
		namespace, _ := meta["namespace"].(string)
		key := o["kind"].(string) + "/" + namespace + "/" + meta["name"].(string)
		if out[key] != nil {
			t.Errorf("%s is there twice", key)
		}
		out[key] = o
	}
	return out
}

func render(t *testing.T, args ...string) map[string]map[string]any {
	t.Helper()
	out, err := helm(t, append([]string{"template", "release", chart, "--namespace", "weightspace-system"}, args...)...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return objects(t, out)
}

// strip removes what Helm may add: its labels, and the annotation that keeps definitions.
func strip(o map[string]any) {
	meta := o["metadata"].(map[string]any)
	if labels, ok := meta["labels"].(map[string]any); ok {
		for _, l := range []string{"helm.sh/chart", "app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "app.kubernetes.io/version"} {
			delete(labels, l)
		}
	}
	if annotations, ok := meta["annotations"].(map[string]any); ok {
		delete(annotations, "helm.sh/resource-policy")
	}
}

func TestChartEqualsKustomize(t *testing.T) {
	kubectl, err := exec.LookPath("kubectl")
	if bin := os.Getenv("WEIGHTSPACE_KUBERNETES_BIN"); bin != "" {
		kubectl, err = filepath.Join(bin, "kubectl"), nil
	}
	if err != nil {
		t.Fatal("kubectl is needed; run the tests with `make test-chart`")
	}
	b, err := exec.CommandContext(t.Context(), kubectl, "kustomize", "../../config/default").Output()
	if err != nil {
		t.Fatal(err)
	}
	want, got := objects(t, string(b)), render(t)
	delete(want, "Namespace//weightspace-system") // helm --create-namespace
	for key, o := range got {
		strip(o)
		if want[key] == nil {
			t.Errorf("%s is in the chart but not in config/default", key)
		}
	}
	for key, o := range want {
		if diff := cmp.Diff(o, got[key]); diff != "" {
			t.Errorf("%s (- config/default, + chart):\n%s", key, diff)
		}
	}
}

func TestGeneratedTemplatesAreCurrent(t *testing.T) {
	root := t.TempDir()
	if err := os.CopyFS(filepath.Join(root, "config"), os.DirFS("../../config")); err != nil {
		t.Fatal(err)
	}
	if err := generate(root); err != nil {
		t.Fatal(err)
	}
	const generated = "templates/generated"
	want := os.DirFS(filepath.Join(root, "charts/weightspace", generated))
	names, err := os.ReadDir(filepath.Join(chart, generated))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		a, errA := os.ReadFile(filepath.Join(chart, generated, n.Name()))
		f, errB := want.Open(n.Name())
		if errA != nil || errB != nil {
			t.Errorf("%s: %v %v; run make generate", n.Name(), errA, errB)
			continue
		}
		f.Close()
		b, err := os.ReadFile(filepath.Join(root, "charts/weightspace", generated, n.Name()))
		if err != nil || string(a) != string(b) {
			t.Errorf("%s is out of date (%v); run make generate", n.Name(), err)
		}
	}
}

func TestDefinitionsAreKeptAndOptional(t *testing.T) {
	out, err := helm(t, "template", "release", chart)
	if err != nil {
		t.Fatal(err, out)
	}
	n := 0
	for key, o := range objects(t, out) {
		if !strings.HasPrefix(key, "CustomResourceDefinition/") {
			continue
		}
		n++
		if a, _ := o["metadata"].(map[string]any)["annotations"].(map[string]any); a["helm.sh/resource-policy"] != "keep" {
			t.Errorf("%s would be deleted on uninstall", key)
		}
	}
	if n != 5 {
		t.Errorf("%d definitions, want 5", n)
	}
	for key := range render(t, "--set", "crds.install=false") {
		if strings.HasPrefix(key, "CustomResourceDefinition/") {
			t.Errorf("%s is there with crds.install=false", key)
		}
	}
}

func TestValuesReachTheManager(t *testing.T) {
	got := render(t, "--set", "image.repository=registry.example.com/m,image.digest=sha256:"+strings.Repeat("a", 64),
		"--set", "runtimeImage.repository=registry.example.com/r,runtimeImage.tag=v9",
		"--set", "allowedDataHosts={data.example.com,mirror.example.com:8443,s3://public/data}", "--set", "allowedRuntimeImages={registry.example.com/r:*}",
		"--set", "imagePullSecrets[0].name=registry", "--set", "replicas=2")
	b, err := yaml.Marshal(got["Deployment/weightspace-system/weightspace-manager"])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"image: registry.example.com/m@sha256:aaaa", "value: registry.example.com/r:v9", "replicas: 2", "- name: registry\n",
		"--allowed-data-hosts=data.example.com,mirror.example.com:8443,s3://public/data", "--allowed-runtime-images=registry.example.com/r:*",
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("the Deployment lacks %q:\n%s", want, b)
		}
	}
}

func TestNamespacedMode(t *testing.T) {
	got := render(t, "--set", "watchNamespaces={red,blue}")
	for _, key := range []string{"RoleBinding/red/weightspace-manager", "RoleBinding/blue/weightspace-manager", "ClusterRoleBinding//weightspace-manager-cluster", "ClusterRole//weightspace-manager-cluster"} {
		if got[key] == nil {
			t.Errorf("%s is missing", key)
		}
	}
	if got["ClusterRoleBinding//weightspace-manager"] != nil {
		t.Error("the whole role is still bound cluster-wide")
	}
	b, err := yaml.Marshal(got["ClusterRole//weightspace-manager-cluster"])
	if err != nil {
		t.Fatal(err)
	}
	for _, never := range []string{"jobs", "configmaps", "pods", "rolebindings", "modelzoos"} {
		if strings.Contains(string(b), never) {
			t.Errorf("the cluster-wide rest of the role names %s:\n%s", never, b)
		}
	}
}

func TestAnotherNamespace(t *testing.T) {
	out, err := helm(t, "template", "release", chart, "--namespace", "elsewhere")
	if err != nil {
		t.Fatal(err, out)
	}
	if strings.Contains(out, systemNamespace) {
		t.Errorf("the release in namespace elsewhere names %s", systemNamespace)
	}
}

func TestSchemaRefusesNonsense(t *testing.T) {
	for _, tc := range []struct{ name, set, says string }{
		{"unknown key", "imge.tag=v1", "imge"},
		{"replicas as text", "replicas=many", "replicas"},
		{"two replicas without leader election", "replicas=2,leaderElection=false", "leaderElection"},
		{"a URL as host", "allowedDataHosts={https://data.example.com}", "allowedDataHosts"},
		{"bad digest", "image.digest=sha256:abc", "digest"},
		{"pull policy", "image.pullPolicy=Sometimes", "pullPolicy"},
		{"namespace name", "watchNamespaces={Red}", "watchNamespaces"},
		{"privileged port", "metrics.port=443", "port"},
		{"argument that is no flag", "extraArgs={debug}", "extraArgs"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, err := helm(t, "template", "release", chart, "--set", tc.set)
			if err == nil {
				t.Fatalf("--set %s was accepted", tc.set)
			}
			if !strings.Contains(out, tc.says) {
				t.Errorf("the message does not name %s:\n%s", tc.says, out)
			}
		})
	}
}

func TestLint(t *testing.T) {
	if out, err := helm(t, "lint", "--strict", chart); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestOptionalPartsCanGo(t *testing.T) {
	got := render(t, "--set", "metrics.enabled=false,networkPolicy.enabled=false")
	kinds := make([]string, 0, len(got))
	for key := range got {
		kinds = append(kinds, strings.SplitN(key, "/", 2)[0])
	}
	for _, kind := range []string{"Service", "NetworkPolicy"} {
		if slices.Contains(kinds, kind) {
			t.Errorf("a %s is still there", kind)
		}
	}
	if render(t, "--set", "metrics.serviceMonitor.enabled=true")["ServiceMonitor/weightspace-system/weightspace-manager"] == nil {
		t.Error("no ServiceMonitor")
	}
}
