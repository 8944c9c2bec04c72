package program

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// idx encodes an IDX file of unsigned bytes.
func idx(dims []int, data []byte) []byte {
	b := []byte{0, 0, 8, byte(len(dims))}
	for _, d := range dims {
		b = binary.BigEndian.AppendUint32(b, uint32(d))
	}
	return append(b, data...)
}

// digits makes n images of 28x28: class c is a bright bar in row band c, with some noise. A CNN
// learns them, and no two images are equal.
func digits(n, salt int) (images, labels []byte) {
	images = make([]byte, n*28*28)
	labels = make([]byte, n)
	for i := range n {
		class := (i*7 + salt) % 10
		labels[i] = byte(class)
		img := images[i*784 : (i+1)*784]
		for p := range img {
			img[p] = byte((p*31 + i*17 + salt*13) % 40)
		}
		for r := range 2 {
			for c := 4; c < 24; c++ {
				img[(2*class+4+r)*28+c] = byte(200 + (i+c)%50)
			}
		}
	}
	return images, labels
}

// sources are the four files of a tiny data set: 60 training and 20 test images.
func sources() map[v1alpha1.FileRole][]byte {
	trainImages, trainLabels := digits(60, 1)
	testImages, testLabels := digits(20, 2)
	return map[v1alpha1.FileRole][]byte{
		v1alpha1.FileRoleTrainImages: idx([]int{60, 28, 28}, trainImages),
		v1alpha1.FileRoleTrainLabels: idx([]int{60}, trainLabels),
		v1alpha1.FileRoleTestImages:  idx([]int{20, 28, 28}, testImages),
		v1alpha1.FileRoleTestLabels:  idx([]int{20}, testLabels),
	}
}

func sha(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// lab is a store with a namespace, and what a test has run in it.
type lab struct {
	t     *testing.T
	store *artifact.Store
	log   *bytes.Buffer
	mu    sync.Mutex
	last  Progress
	// trained counts (member, epoch) pairs over all runs.
	trained int
}

func newLab(t *testing.T) *lab {
	t.Helper()
	store, err := artifact.Open(t.Context(), t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	return &lab{t: t, store: store, log: &bytes.Buffer{}}
}

func (l *lab) env() Env {
	return Env{
		Store: l.store, ISA: kernel.Auto, Workers: 1, Host: "test", Version: "test", TempDir: l.t.TempDir(),
		Log:      slog.New(slog.NewTextHandler(l.log, nil)),
		Datasets: func(string) (*artifact.Store, error) { return l.store, nil },
		Progress: func(p Progress) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.last = p
		},
	}
}

// datasetSpec uploads the files and returns the Dataset that names them.
func (l *lab) datasetSpec(files map[v1alpha1.FileRole][]byte) *v1alpha1.DatasetSpec {
	l.t.Helper()
	validation := int32(10)
	d := &v1alpha1.DatasetSpec{
		Format: v1alpha1.DatasetFormatIDX, Splits: v1alpha1.DatasetSplits{Train: 50, Validation: &validation, Test: 20},
		Normalization: v1alpha1.Normalization{Mean: []v1alpha1.Decimal{"0.1307"}, Std: []v1alpha1.Decimal{"0.3081"}},
	}
	for _, role := range []v1alpha1.FileRole{v1alpha1.FileRoleTrainImages, v1alpha1.FileRoleTrainLabels, v1alpha1.FileRoleTestImages, v1alpha1.FileRoleTestLabels} {
		b := files[role]
		if err := l.store.Put(l.t.Context(), "default/uploads/tiny/"+string(role), b); err != nil {
			l.t.Fatal(err)
		}
		d.Files = append(d.Files, v1alpha1.DatasetFile{Role: role, URL: "store:tiny/" + string(role), SHA256: sha(b)})
	}
	return d
}

func (l *lab) planDataset(d *v1alpha1.DatasetSpec, name string) *spec.Snapshot {
	l.t.Helper()
	s, err := plan.Dataset(d, plan.Inputs{Namespace: "default", Name: name, StoreURL: l.store.URL()})
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

// dataset fetches and verifies the tiny data set.
func (l *lab) dataset() *spec.DatasetInput {
	l.t.Helper()
	s := l.planDataset(l.datasetSpec(sources()), "tiny")
	r := l.runAll(s, l.env())
	return &spec.DatasetInput{
		Name: "tiny", Store: s.Store, Path: s.ArtifactPath, ManifestDigest: r.ManifestDigest, ResultDigest: r.ResultDigest,
		Channels: r.Dataset.Channels, Height: r.Dataset.Height, Width: r.Dataset.Width, Classes: r.Dataset.Classes,
		Train: r.Dataset.Train, Validation: r.Dataset.Validation, Test: r.Dataset.Test,
	}
}

// zooOptions are what tests vary.
type zooOptions struct {
	name      string
	seeds     int32
	epochs    int32
	perShard  int32
	rates     []v1alpha1.Decimal
	activate  []v1alpha1.Activation
	optimizer []v1alpha1.Optimizer
	edit      func(z *v1alpha1.ModelZooSpec)
}

func (l *lab) planZoo(in *spec.DatasetInput, o zooOptions) *spec.Snapshot {
	l.t.Helper()
	if o.name == "" {
		o.name = "zoo"
	}
	z := &v1alpha1.ModelZooSpec{
		Dataset:      v1alpha1.DatasetReference{Name: "tiny"},
		Architecture: v1alpha1.Architecture{Preset: v1alpha1.ArchitectureCNNSmall},
		Population: v1alpha1.Population{
			Seeds: v1alpha1.Seeds{Count: o.seeds},
			Grid:  v1alpha1.Grid{Activation: o.activate, LearningRate: o.rates, Optimizer: o.optimizer, Dropout: []v1alpha1.Decimal{"0.1"}},
		},
		Training: v1alpha1.Training{Epochs: o.epochs, BatchSize: 16},
	}
	if o.perShard > 0 {
		z.Sharding = &v1alpha1.Sharding{MembersPerShard: o.perShard}
	}
	if o.edit != nil {
		o.edit(z)
	}
	s, err := plan.ModelZoo(z, plan.Inputs{Namespace: "default", Name: o.name, StoreURL: l.store.URL(), Dataset: in})
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

// run runs one shard and counts what it trained.
func (l *lab) run(s *spec.Snapshot, stage string, shard int, env Env) (*spec.Result, error) {
	l.mu.Lock()
	l.last = Progress{}
	l.mu.Unlock()
	r, err := Run(l.t.Context(), s, stage, shard, env)
	l.mu.Lock()
	l.trained += l.last.EpochsTrained
	l.mu.Unlock()
	return r, err
}

// runAll runs every stage and returns the last one's result.
func (l *lab) runAll(s *spec.Snapshot, env Env) *spec.Result {
	l.t.Helper()
	var result *spec.Result
	for _, st := range s.Stages {
		for shard := range st.Shards {
			r, err := l.run(s, st.Name, shard, env)
			if err != nil {
				l.t.Fatalf("%s, shard %d: %v", st.Name, shard, err)
			}
			result = r
		}
	}
	if result == nil {
		l.t.Fatal("the last stage gave no result")
	}
	return result
}

// errCrash stands for a process that was killed: nothing after it reaches the store.
var errCrash = errors.New("killed")

// crashing is a store whose process dies after some writes.
type crashing struct {
	*artifact.Store
	mu sync.Mutex
	// left is the number of writes that still succeed; before says that the process dies
	// before the write that is one too many, else after it.
	left int
	died bool
}

func (c *crashing) write(put func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.died {
		return errCrash
	}
	if err := put(); err != nil {
		return err
	}
	if c.left--; c.left <= 0 {
		c.died = true
		return errCrash
	}
	return nil
}

func (c *crashing) Put(ctx context.Context, path string, b []byte) error {
	return c.write(func() error { return c.Store.Put(ctx, path, b) })
}

func (c *crashing) PutReader(ctx context.Context, path string, body io.ReadSeeker) error {
	return c.write(func() error { return c.Store.PutReader(ctx, path, body) })
}

func (c *crashing) PutIfNotExist(ctx context.Context, path string, b []byte) error {
	return c.write(func() error { return c.Store.PutIfNotExist(ctx, path, b) })
}
