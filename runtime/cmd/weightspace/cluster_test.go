//go:build integration

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/program"
	"github.com/weightspace/weightspace/runtime/spec"
)

// apiServer is a real kube-apiserver with etcd, our CRDs and the role of our pods.
type apiServer struct {
	env     *envtest.Environment
	admin   *rest.Config
	dynamic dynamic.Interface
}

func startAPIServer(t *testing.T) *apiServer {
	t.Helper()
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Fatal("KUBEBUILDER_ASSETS is not set; run the tests with `make test-integration`")
	}
	a := &apiServer{env: &envtest.Environment{CRDDirectoryPaths: []string{"../../../config/crd/bases"}, ErrorIfCRDPathMissing: true}}
	var err error
	if a.admin, err = a.env.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.env.Stop(); err != nil {
			t.Errorf("stop the API server: %v", err)
		}
	})
	if a.dynamic, err = dynamic.NewForConfig(a.admin); err != nil {
		t.Fatal(err)
	}
	role := &rbacv1.ClusterRole{}
	b, err := os.ReadFile("../../../config/rbac/runtime_role.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(b, role); err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(a.admin)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.RbacV1().ClusterRoles().Create(t.Context(), role, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "pods"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, Name: "bound-pod"}},
	}
	if _, err := client.RbacV1().RoleBindings("default").Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return a
}

// user returns the configuration of a user who has the rights of his bindings only.
func (a *apiServer) user(t *testing.T, name string) *rest.Config {
	t.Helper()
	u, err := a.env.AddUser(envtest.User{Name: name}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return u.Config()
}

func (a *apiServer) resource(name string) dynamic.ResourceInterface {
	return a.dynamic.Resource(schema.GroupVersionResource{Group: v1alpha1.GroupVersion.Group, Version: v1alpha1.GroupVersion.Version, Resource: name}).Namespace("default")
}

// create makes an object from YAML.
func (a *apiServer) create(t *testing.T, resource, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
		t.Fatal(err)
	}
	created, err := a.resource(resource).Create(t.Context(), o, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return created
}

// lockedBuffer is written by the slot's goroutine and read by the test.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const reportYAML = `apiVersion: weightspace.dev/v1alpha1
kind: RunReport
metadata: {name: pod-0}
spec: {ownerKind: ModelZoo, ownerName: tiny-zoo, stage: train, shard: 0, podName: pod-0}
`

// TestRunReport trains a zoo against a real API server: with the rights of a pod its progress
// arrives, at most every two seconds and the last word surely; a missing RunReport, missing rights
// and a server that is not there leave a warning, and the work gives the same result.
func TestRunReport(t *testing.T) {
	a := startAPIServer(t)
	a.create(t, "runreports", reportYAML)
	bound, stranger := a.user(t, "bound-pod"), a.user(t, "stranger")
	nowhere := rest.CopyConfig(bound)
	nowhere.Host = "https://127.0.0.1:1"

	changes, err := a.resource("runreports").Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer changes.Stop()
	want := ""
	for _, tc := range []struct {
		name, pod string
		config    *rest.Config
		warning   string
	}{
		{"applied", "pod-0", bound, ""},
		{"no RunReport", "pod-1", bound, "not found"},
		{"no rights", "pod-0", stranger, "forbidden"},
		{"no server", "pod-0", nowhere, "refused"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			log := &lockedBuffer{}
			began := time.Now()
			digest, last := trainWithSlot(t, clusterSlot(slog.New(slog.NewTextHandler(log, nil)), tc.config, "default", tc.pod))
			took := time.Since(began)
			if want == "" {
				want = digest
			}
			if digest != want {
				t.Errorf("resultDigest %s, want %s", digest, want)
			}
			if got := log.String(); (tc.warning == "") != (got == "") || !strings.Contains(got, tc.warning) {
				t.Errorf("the log should speak of %q:\n%s", tc.warning, got)
			}
			if tc.warning == "" {
				checkReport(t, a, last, writes(changes), took)
			}
		})
	}
	if n := writes(changes); n != 0 {
		t.Errorf("runs that may not report made %d writes", n)
	}
}

// trainWithSlot trains a small zoo in-process with the slot of a pod and returns the resultDigest and
// the last progress of the training.
func trainWithSlot(t *testing.T, s *slot) (digest string, last program.Progress) {
	t.Helper()
	dir := workplace(t, 40, "2")
	must(t, dir, "run", "-f", "data.yaml", "--store", "out")
	snap := zooPlan(t, dir)
	store, err := artifact.Open(t.Context(), podStore, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	env := program.Env{Store: store, Workers: 1, Progress: func(p program.Progress) {
		if p.Stage == spec.StageTrain {
			last = p
			s.update(p)
		}
	}}
	for _, stage := range snap.Stages {
		for shard := range stage.Shards {
			result, err := program.Run(t.Context(), snap, stage.Name, shard, env)
			if err != nil {
				t.Fatal(err)
			}
			if result != nil {
				digest = result.ResultDigest
			}
		}
	}
	s.close()
	return digest, last
}

// checkReport compares the RunReport with the last progress, and the number of writes with the
// time they took.
func checkReport(t *testing.T, a *apiServer, last program.Progress, n int, took time.Duration) {
	t.Helper()
	o, err := a.resource("runreports").Get(t.Context(), "pod-0", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(o.Object["status"])
	if err != nil {
		t.Fatal(err)
	}
	var got v1alpha1.RunReportStatus
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if got.Epoch == nil || *got.Epoch != 2 || *got.MembersDone != int32(last.Members) || got.Message != last.Message || got.Store != v1alpha1.StoreAvailable || got.UpdateTime == nil {
		t.Errorf("status %s, the last progress was %+v", b, last)
	}
	applied := slices.ContainsFunc(o.GetManagedFields(), func(m metav1.ManagedFieldsEntry) bool {
		return m.Manager == slotFieldManager && m.Operation == metav1.ManagedFieldsOperationApply && m.Subresource == "status"
	})
	if !applied {
		t.Errorf("%s did not apply the status: %+v", slotFieldManager, o.GetManagedFields())
	}
	if most := 2 + int(took/slotInterval); n < 1 || n > most {
		t.Errorf("%d writes in %s, want 1 to %d", n, took, most)
	}
}

// writes counts the modifications seen by a watch until nothing more comes.
func writes(changes watch.Interface) (n int) {
	for {
		select {
		case e := <-changes.ResultChan():
			if e.Type == watch.Modified {
				n++
			}
		case <-time.After(time.Second):
			return n
		}
	}
}

// TestArtifactsByName: pull, report and export find an artifact by the name of the object that made
// it, in the cluster of a kubeconfig; what is wrong is said with the field and a remedy.
func TestArtifactsByName(t *testing.T) {
	a := startAPIServer(t)
	dir := workplace(t, 40, "1")
	must(t, dir, "run", "-f", "data.yaml", "-f", "zoo.yaml", "--store", "out", "--workers", "1")
	u, err := a.env.AddUser(envtest.User{Name: "admin", Groups: []string{"system:masters"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := u.KubeConfig()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "kubeconfig"), kubeconfig, 0o600); err != nil {
		t.Fatal(err)
	}
	zoo := strings.ReplaceAll(zooYAML, "EPOCHS", "1")
	a.finish(t, "modelzoos", a.create(t, "modelzoos", zoo), "file://"+filepath.ToSlash(dir)+"/out/default/modelzoo/tiny-zoo")
	data, err := os.ReadFile(filepath.Join(dir, "data.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	a.finish(t, "datasets", a.create(t, "datasets", string(data)), "file://"+filepath.ToSlash(dir)+"/out/default/dataset/tiny")
	a.create(t, "modelzoos", strings.ReplaceAll(zoo, "tiny-zoo", "unfinished"))

	by := func(command, name, to string, more ...string) []string {
		return append([]string{command, "--kubeconfig", "kubeconfig", "-n", "default", "--name", name, "--to", to}, more...)
	}
	must(t, dir, by("pull", "tiny-zoo", "copy")...)
	must(t, dir, by("pull", "tiny", "copy-of-data", "--kind", "dataset")...)
	must(t, dir, by("report", "tiny-zoo", "figures")...)
	must(t, dir, by("export", "tiny-zoo", "models", "--best", "2", "--logits", "5")...)
	for pattern, want := range map[string]int{"copy*/manifest.json": 1, "copy-of-data/test.safetensors": 1, "figures/report.html": 1, "models/*/logits.safetensors": 2} {
		if got, err := filepath.Glob(filepath.Join(dir, pattern)); err != nil || len(got) < want {
			t.Errorf("%s: %v, %v", pattern, got, err)
		}
	}
	for name, want := range map[string]string{"unfinished": "no artifact yet", "nobody": "not found"} {
		if _, stderr, code := weightspace(t, dir, "", by("pull", name, "x")...); code == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %s", name, code, stderr)
		}
	}
}

// finish sets the status of an object as the manager does when its artifact is complete.
func (a *apiServer) finish(t *testing.T, resource string, o *unstructured.Unstructured, uri string) {
	t.Helper()
	digest := "sha256:" + strings.Repeat("0", 64)
	status := fmt.Sprintf(`{"apiVersion": %[1]q, "kind": %[2]q, "metadata": {"name": %[3]q}, "status": {"specDigest": %[5]q, "artifact": {"uri": %[4]q, "manifestDigest": %[5]q, "resultDigest": %[5]q}}}`,
		o.GetAPIVersion(), o.GetKind(), o.GetName(), uri, digest)
	patch := &unstructured.Unstructured{}
	if err := patch.UnmarshalJSON([]byte(status)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.resource(resource).ApplyStatus(context.Background(), o.GetName(), patch, metav1.ApplyOptions{FieldManager: "test"}); err != nil {
		t.Fatal(err)
	}
}
