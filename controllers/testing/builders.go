// Package testing builds test objects: fluent wrappers around the real types, so that a test
// says only what it is about.
package testing

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/weightspace/weightspace/api/v1alpha1"
)

// Store wraps an ArtifactStore.
type Store struct{ v1alpha1.ArtifactStore }

// MakeStore is a store on a volume claim that admits every namespace.
func MakeStore(name string) *Store {
	return &Store{v1alpha1.ArtifactStore{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.ArtifactStoreSpec{URL: "pvc://artifacts/" + name, NamespaceSelector: &metav1.LabelSelector{}},
	}}
}

// URL sets the store's URL.
func (s *Store) URL(url string) *Store { s.Spec.URL = url; return s }

// Default makes it the default store.
func (s *Store) Default() *Store {
	s.Annotations = map[string]string{v1alpha1.AnnotationDefaultStore: "true"}
	return s
}

// Only admits the given namespaces and no others.
func (s *Store) Only(namespaces ...string) *Store {
	s.Spec.NamespaceSelector, s.Spec.AllowedNamespaces = nil, namespaces
	return s
}

// Secret names the Secret with credentials.
func (s *Store) Secret(name string) *Store {
	s.Spec.Credentials = &v1alpha1.StoreCredentials{SecretName: v1alpha1.ObjectName(name)}
	return s
}

// Account names the ServiceAccount with a cloud identity.
func (s *Store) Account(name string) *Store {
	s.Spec.Credentials = &v1alpha1.StoreCredentials{ServiceAccountName: v1alpha1.ObjectName(name)}
	return s
}

// Obj returns the object.
func (s *Store) Obj() *v1alpha1.ArtifactStore { return &s.ArtifactStore }

// Dataset wraps a Dataset.
type Dataset struct{ v1alpha1.Dataset }

// MakeDataset is a small MNIST-shaped data set whose files lie in the store.
func MakeDataset(namespace, name string) *Dataset {
	d := &Dataset{v1alpha1.Dataset{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}}
	d.Spec.Format = v1alpha1.DatasetFormatIDX
	for _, role := range []v1alpha1.FileRole{v1alpha1.FileRoleTrainImages, v1alpha1.FileRoleTrainLabels, v1alpha1.FileRoleTestImages, v1alpha1.FileRoleTestLabels} {
		d.Spec.Files = append(d.Spec.Files, v1alpha1.DatasetFile{Role: role, URL: "store:mnist/" + string(role) + ".gz", SHA256: strings.Repeat("0", 64)})
	}
	d.Spec.Splits = v1alpha1.DatasetSplits{Train: 500, Validation: ptr.To(int32(100)), Test: 100, Seed: ptr.To(int64(42))}
	d.Spec.Normalization = v1alpha1.Normalization{Mean: []v1alpha1.Decimal{"0.1307"}, Std: []v1alpha1.Decimal{"0.3081"}}
	return d
}

// URL sets the URL of the first file.
func (d *Dataset) URL(url string) *Dataset { d.Spec.Files[0].URL = url; return d }

// Policy sets the deletion policy.
func (d *Dataset) Policy(p v1alpha1.DeletionPolicy) *Dataset { d.Spec.DeletionPolicy = p; return d }

// Obj returns the object.
func (d *Dataset) Obj() *v1alpha1.Dataset { return &d.Dataset }

// Zoo wraps a ModelZoo.
type Zoo struct{ v1alpha1.ModelZoo }

// MakeZoo is a zoo of four members in one cohort, two to a shard, trained for two epochs on
// Dataset "mnist".
func MakeZoo(namespace, name string) *Zoo {
	z := &Zoo{v1alpha1.ModelZoo{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}}
	z.Spec.Dataset.Name = "mnist"
	z.Spec.Architecture.Preset = v1alpha1.ArchitectureCNNSmall
	z.Spec.Population.Seeds.Count = 4
	z.Spec.Training.Epochs = 2
	z.Spec.Sharding = &v1alpha1.Sharding{MembersPerShard: 2}
	return z
}

// Dataset names the data set.
func (z *Zoo) Dataset(name string) *Zoo { z.Spec.Dataset.Name = v1alpha1.ObjectName(name); return z }

// Seeds sets the number of seeds.
func (z *Zoo) Seeds(n int32) *Zoo { z.Spec.Population.Seeds.Count = n; return z }

// Epochs sets the number of epochs.
func (z *Zoo) Epochs(n int32) *Zoo { z.Spec.Training.Epochs = n; return z }

// Suspend sets spec.suspend.
func (z *Zoo) Suspend(on bool) *Zoo { z.Spec.Suspend = ptr.To(on); return z }

// Parallelism sets spec.parallelism.
func (z *Zoo) Parallelism(n int32) *Zoo { z.Spec.Parallelism = ptr.To(n); return z }

// Memory sets spec.compute.memory.
func (z *Zoo) Memory(q string) *Zoo { z.Spec.Compute.Memory = q; return z }

// Image sets spec.compute.runtimeImage.
func (z *Zoo) Image(image string) *Zoo { z.Spec.Compute.RuntimeImage = image; return z }

// Queue sets spec.compute.queueName.
func (z *Zoo) Queue(name string) *Zoo { z.Spec.Compute.QueueName = v1alpha1.ObjectName(name); return z }

// Store names the store.
func (z *Zoo) Store(name string) *Zoo {
	z.Spec.Store.Name = v1alpha1.ObjectName(name)
	return z
}

// TTL sets spec.ttlSecondsAfterFinished.
func (z *Zoo) TTL(seconds int32) *Zoo { z.Spec.TTLSecondsAfterFinished = ptr.To(seconds); return z }

// Policy sets the deletion policy.
func (z *Zoo) Policy(p v1alpha1.DeletionPolicy) *Zoo { z.Spec.DeletionPolicy = p; return z }

// ManagedBy sets spec.managedBy.
func (z *Zoo) ManagedBy(who string) *Zoo { z.Spec.ManagedBy = who; return z }

// Obj returns the object.
func (z *Zoo) Obj() *v1alpha1.ModelZoo { return &z.ModelZoo }
