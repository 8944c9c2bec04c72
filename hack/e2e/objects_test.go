//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/weightspace/weightspace/api/v1alpha1"
)

// runtimeUser is the uid that pods run as (docs/contracts.md).
const runtimeUser = 65532

// place is a namespace enforcing the restricted Pod Security Standard, with an ArtifactStore
// on a folder of its own.
type place struct {
	c      *cluster
	ns     string
	folder string // the store's root on the node
}

func newPlace(t *testing.T, name string) *place {
	t.Helper()
	p := &place{c: shared, ns: fmt.Sprintf("e2e-%s-%d", name, time.Now().UnixNano()%1_000_000)}
	p.folder = filepath.Join(shared.storeRoot, "e2e", p.ns)
	if err := os.MkdirAll(p.folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(p.folder, runtimeUser, runtimeUser); err != nil {
		t.Fatal(err)
	}
	p.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.ns, Labels: map[string]string{
		"pod-security.kubernetes.io/enforce": "restricted",
	}}})
	p.create(t, p.volume())
	p.create(t, p.claim())
	p.create(t, &v1alpha1.ArtifactStore{ObjectMeta: metav1.ObjectMeta{Name: p.ns}, Spec: v1alpha1.ArtifactStoreSpec{
		URL: "pvc://store/data", AllowedNamespaces: []string{p.ns},
	}})
	t.Cleanup(func() {
		p.c.describe(t, p.ns)
		p.remove(t)
	})
	return p
}

func (p *place) remove(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), deleteDeadline)
	defer cancel()
	for _, o := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.ns}},
		&v1alpha1.ArtifactStore{ObjectMeta: metav1.ObjectMeta{Name: p.ns}},
		&corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: p.ns}},
	} {
		if err := client.IgnoreNotFound(p.c.client.Delete(ctx, o)); err != nil {
			t.Logf("clean up %s: %v", o.GetName(), err)
		}
	}
	if !t.Failed() {
		if err := os.RemoveAll(p.folder); err != nil {
			t.Log(err)
		}
	}
}

func (p *place) volume() *corev1.PersistentVolume {
	return &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: p.ns}, Spec: corev1.PersistentVolumeSpec{
		Capacity:                      corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
		AccessModes:                   []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany},
		PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
		StorageClassName:              "e2e",
		ClaimRef:                      &corev1.ObjectReference{Namespace: p.ns, Name: "store"},
		PersistentVolumeSource:        corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: p.folder}},
	}}
}

func (p *place) claim() *corev1.PersistentVolumeClaim {
	class := "e2e"
	return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: p.ns, Name: "store"}, Spec: corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}, StorageClassName: &class, VolumeName: p.ns,
		Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
	}}
}

func (p *place) create(t *testing.T, o client.Object) {
	t.Helper()
	if err := p.c.client.Create(t.Context(), o); err != nil {
		t.Fatalf("create %T %s: %v", o, o.GetName(), err)
	}
}

// store is the store's folder as the CLI sees it: pvc://store/data on the node.
func (p *place) store() string { return filepath.Join(p.folder, "data") }

// dataset imports MNIST into the store and creates a Dataset of a few images.
func (p *place) dataset(t *testing.T, train int32, edit ...func(*v1alpha1.Dataset)) *v1alpha1.Dataset {
	t.Helper()
	d := importDataset(t, p.store(), p.ns)
	d.Namespace = p.ns
	d.Spec.Limit = v1alpha1.DatasetLimit{Train: train, Validation: 200, Test: 200}
	d.Spec.Store.Name = v1alpha1.ObjectName(p.ns)
	for _, e := range edit {
		e(d)
	}
	p.create(t, d)
	return d
}

// importDataset runs `weightspace dataset import` and returns the manifest it prints.
func importDataset(t *testing.T, folder, ns string) *v1alpha1.Dataset {
	t.Helper()
	out := shared.run(t, shared.cli, "dataset", "import", "--store", "file://"+folder, "--namespace", ns, "--name", "mnist", "--from-dir", shared.mnist)
	start := strings.Index(out, "apiVersion:")
	if start < 0 {
		t.Fatalf("dataset import printed no manifest:\n%s", out)
	}
	var d v1alpha1.Dataset
	if err := yaml.Unmarshal([]byte(out[start:]), &d); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	chown(t, folder)
	return &d
}

// chown gives a folder to the pods' user, as an admin would do once for a host path.
func chown(t *testing.T, folder string) {
	t.Helper()
	err := filepath.Walk(folder, func(path string, _ os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, runtimeUser, runtimeUser)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// zoo creates a ModelZoo of 8 members in two cohorts; it trains for some ten seconds.
func (p *place) zoo(t *testing.T, name string, edit ...func(*v1alpha1.ModelZoo)) *v1alpha1.ModelZoo {
	t.Helper()
	z := zooManifest(p.ns, name, edit...)
	p.create(t, z)
	return z
}

func zooManifest(ns, name string, edit ...func(*v1alpha1.ModelZoo)) *v1alpha1.ModelZoo {
	z := &v1alpha1.ModelZoo{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "ModelZoo"},
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name},
		Spec: v1alpha1.ModelZooSpec{
			Dataset:      v1alpha1.DatasetReference{Name: "mnist"},
			Architecture: v1alpha1.Architecture{Preset: v1alpha1.ArchitectureCNNSmall},
			Population: v1alpha1.Population{Seeds: v1alpha1.Seeds{Count: 2}, Grid: v1alpha1.Grid{
				Activation:   []v1alpha1.Activation{v1alpha1.ActivationTanh, v1alpha1.ActivationReLU},
				LearningRate: []v1alpha1.Decimal{"1e-3", "3e-4"},
			}},
			Training: v1alpha1.Training{Epochs: 10},
			Store:    v1alpha1.StoreReference{Name: v1alpha1.ObjectName(ns)},
		},
	}
	for _, e := range edit {
		e(z)
	}
	return z
}

func (p *place) getZoo(t *testing.T, name string) *v1alpha1.ModelZoo {
	t.Helper()
	z := &v1alpha1.ModelZoo{}
	if err := p.c.client.Get(t.Context(), client.ObjectKey{Namespace: p.ns, Name: name}, z); err != nil {
		t.Fatal(err)
	}
	return z
}

// tryZoo is getZoo for times when the API server is away.
func (p *place) tryZoo(t *testing.T, name string) (*v1alpha1.ModelZoo, error) {
	z := &v1alpha1.ModelZoo{}
	err := p.c.client.Get(t.Context(), client.ObjectKey{Namespace: p.ns, Name: name}, z)
	return z, err
}

func (p *place) complete(t *testing.T, name string) *v1alpha1.ModelZoo {
	t.Helper()
	var z *v1alpha1.ModelZoo
	eventually(t, zooDeadline, "ModelZoo "+name+" completes", func() string {
		var err error
		if z, err = p.tryZoo(t, name); err != nil {
			return err.Error()
		}
		if meta.IsStatusConditionTrue(z.Status.Conditions, v1alpha1.ConditionFailed) {
			t.Fatalf("ModelZoo %s failed: %s", name, readyText(z.Status.Conditions))
		}
		if meta.IsStatusConditionTrue(z.Status.Conditions, v1alpha1.ConditionComplete) && z.Status.ObservedGeneration == z.Generation && z.Status.Artifact.URI != "" {
			return ""
		}
		return readyText(z.Status.Conditions)
	})
	return z
}

func readyText(conditions []metav1.Condition) string {
	c := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	if c == nil {
		return "no Ready condition"
	}
	return fmt.Sprintf("Ready=%s %s: %s", c.Status, c.Reason, c.Message)
}

// training waits until the zoo has passed its first epoch in some shard.
func (p *place) training(t *testing.T, name string) {
	t.Helper()
	eventually(t, podDeadline, "ModelZoo "+name+" trains", func() string {
		files, err := filepath.Glob(filepath.Join(p.store(), p.ns, "modelzoo", name, "shards", "*", "epoch-0002.safetensors"))
		if err != nil || len(files) == 0 {
			return "no second epoch in the store yet"
		}
		return ""
	})
}

// reference trains the same manifest without a cluster and returns its resultDigest.
func reference(t *testing.T, d *v1alpha1.Dataset, z *v1alpha1.ModelZoo) string {
	t.Helper()
	return manifestDigest(t, filepath.Join(undisturbed(t, d, z), z.Namespace, "modelzoo", z.Name))
}

// undisturbed runs a zoo, and studies of it, without a cluster and returns the folder of the store.
func undisturbed(t *testing.T, d *v1alpha1.Dataset, z *v1alpha1.ModelZoo, studies ...*v1alpha1.ZooAnalysis) string {
	t.Helper()
	folder := t.TempDir()
	importDataset(t, folder, z.Namespace)
	d, z = d.DeepCopy(), z.DeepCopy()
	d.TypeMeta = metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Dataset"}
	z.TypeMeta = metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "ModelZoo"}
	var docs []string
	objects := []client.Object{d, z}
	for _, a := range studies {
		a = a.DeepCopy()
		a.TypeMeta = metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "ZooAnalysis"}
		objects = append(objects, a)
	}
	for _, o := range objects {
		o.SetResourceVersion("")
		o.SetUID("")
		o.SetManagedFields(nil)
		o.SetCreationTimestamp(metav1.Time{})
		b, err := yaml.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, string(b))
	}
	file := filepath.Join(t.TempDir(), "zoo.yaml")
	if err := os.WriteFile(file, []byte(strings.Join(docs, "---\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	shared.run(t, shared.cli, "run", "-f", file, "--store", folder)
	return folder
}

func manifestDigest(t *testing.T, artifact string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(artifact, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		ResultDigest string `json:"resultDigest"`
	}
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m.ResultDigest
}

func (p *place) sameResult(t *testing.T, name, want string) {
	t.Helper()
	z := p.complete(t, name)
	if got := string(z.Status.Artifact.ResultDigest); got != want {
		t.Errorf("resultDigest of %s: got %s, undisturbed run without a cluster gave %s", name, got, want)
	}
	if got := manifestDigest(t, filepath.Join(p.store(), p.ns, "modelzoo", name)); got != want {
		t.Errorf("resultDigest in the store of %s: got %s, want %s", name, got, want)
	}
}

func clientKey(ns, name string) client.ObjectKey { return client.ObjectKey{Namespace: ns, Name: name} }
