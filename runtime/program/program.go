// Package program is what a pod runs: one function per stage, from a frozen plan and a store
// to artifacts. The command line runs the same functions in-process. Programs never read the
// environment, never exit and write only below the plan's artifact path.
//
// Every program is idempotent: it looks at the store first, does what is missing, and commits by
// writing a manifest last. A program that is killed anywhere and started again ends with the
// same bytes as one that was never disturbed.
package program

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/importer"
	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// Store is what programs ask of an *artifact.Store.
type Store interface {
	Get(ctx context.Context, path string) ([]byte, error)
	GetRange(ctx context.Context, path string, offset, length int64) ([]byte, error)
	Put(ctx context.Context, path string, b []byte) error
	PutReader(ctx context.Context, path string, body io.ReadSeeker) error
	PutIfNotExist(ctx context.Context, path string, b []byte) error
	List(ctx context.Context, prefix string) ([]artifact.Object, error)
	Digest(ctx context.Context, path string) (sum string, size int64, err error)
	Reader(ctx context.Context, path string) (io.ReadCloser, error)
	DeletePrefix(ctx context.Context, prefix string) (int, error)
	ReadHeader(ctx context.Context, path string) (*artifact.Header, error)
	ReadRow(ctx context.Context, path string, h *artifact.Header, name string, i int) ([]byte, error)
}

// notifier is a store that says when it stops answering and when it answers again.
type notifier interface {
	Notify(unavailable func(error), available func())
}

// Env is what a program needs from outside: everything that is not in the plan.
type Env struct {
	// Store holds the artifact: a *artifact.Store.
	Store Store
	// Datasets opens the store of an upstream data set by its URL. Nil means that data sets
	// live in Store.
	Datasets func(url string) (*artifact.Store, error)
	// Log receives warnings and stage boundaries. Nil discards them.
	Log *slog.Logger
	// Progress is called on every change, from one goroutine at a time; it must not block.
	// Nil discards progress.
	Progress func(Progress)
	// ISA is the instruction set of the kernels; all give the same bits.
	ISA kernel.Level
	// Workers is the number of threads, 0 for all the process may use; all give the same bits.
	Workers int
	// HTTPClient fetches http(s) sources. Nil means a client with sane time-outs.
	HTTPClient *http.Client
	// HostAllowed says whether a host[:port] may be fetched from. Nil allows every host:
	// in a cluster the manager has checked the plan's hosts, and redirects never leave the host.
	HostAllowed func(host string) bool
	// OpenBucket opens the bucket of an s3://, gs:// or azblob:// source. Nil means artifact.Open: the process's credentials.
	OpenBucket func(ctx context.Context, url string) (*artifact.Store, error)
	// MaxSourceBytes is the largest source file accepted, 0 for 4 GiB.
	MaxSourceBytes int64
	// CheckpointEvery is the longest time between two resume points, 0 for five minutes.
	CheckpointEvery time.Duration
	// Grace is the time left to checkpoint after cancellation, 0 for 25 seconds.
	Grace time.Duration
	// TempDir is where source files lie while they are checked, "" for the system's folder.
	TempDir string
	// Now is the clock, for wall times outside every digest. Nil means time.Now.
	Now func() time.Time
	// Host and Version go into run.json and timing files, outside every digest.
	Host, Version string

	// ImportFrom is the folder that an import reads, instead of the plan's source.
	ImportFrom importer.Source

	// tune changes how files are fetched, for tests.
	tune func(*downloads)
}

const (
	defaultMaxSourceBytes  = 4 << 30
	defaultCheckpointEvery = 5 * time.Minute
	defaultGrace           = 25 * time.Second
)

// withDefaults fills in what the caller left open.
func (e Env) withDefaults() Env {
	if e.Log == nil {
		e.Log = slog.New(slog.DiscardHandler)
	}
	if e.Progress == nil {
		e.Progress = func(Progress) {}
	}
	if e.HTTPClient == nil {
		e.HTTPClient = defaultHTTPClient()
	}
	if e.OpenBucket == nil {
		e.OpenBucket = func(ctx context.Context, url string) (*artifact.Store, error) { return artifact.Open(ctx, url, "") }
	}
	if e.MaxSourceBytes == 0 {
		e.MaxSourceBytes = defaultMaxSourceBytes
	}
	if e.CheckpointEvery == 0 {
		e.CheckpointEvery = defaultCheckpointEvery
	}
	if e.Grace == 0 {
		e.Grace = defaultGrace
	}
	if e.Now == nil {
		e.Now = time.Now
	}
	return e
}

// datasetStore opens the store of an upstream data set.
func (e *Env) datasetStore(url string) (*artifact.Store, error) {
	if s, ok := e.Store.(*artifact.Store); ok && e.Datasets == nil {
		return s, nil
	}
	if e.Datasets == nil {
		return nil, fmt.Errorf("open the data set's store %s: no way to open stores was given", url)
	}
	s, err := e.Datasets(url)
	if err != nil {
		return nil, fmt.Errorf("open the data set's store %s: %w", url, err)
	}
	return s, nil
}

// Run runs one shard of one stage of a plan. The result is set by the last stage (verify,
// index) only. Errors: *InputError when the user's input is wrong, *IncompleteError when an earlier
// stage must run again, ErrCheckpointed when ctx ended and the state is in the store, errors of package
// artifact when the store does not answer; anything else may be retried. ExitCode maps them.
func Run(ctx context.Context, s *spec.Snapshot, stage string, shard int, env Env) (*spec.Result, error) {
	if err := checkPaths(s); err != nil {
		return nil, err
	}
	env = env.withDefaults()
	feed := &feed{send: env.Progress, last: Progress{Stage: stage, Shard: shard, SecondsLeft: -1}, state: v1alpha1.StoreAvailable}
	env.Progress = feed.update
	if n, ok := env.Store.(notifier); ok {
		n.Notify(func(err error) {
			env.Log.Warn("The store does not answer; waiting", "err", err)
			feed.store(v1alpha1.StoreUnavailable)
		}, func() { feed.store(v1alpha1.StoreAvailable) })
	}
	if stage == spec.StageCleanup {
		return nil, cleanup(ctx, s, &env)
	}
	sh, err := findShard(s, stage, shard)
	if err != nil {
		return nil, err
	}
	switch {
	case stage == spec.StageFetch && s.Dataset != nil:
		return nil, fetch(ctx, s, &env)
	case stage == spec.StageVerify && s.Dataset != nil:
		return verify(ctx, s, &env)
	case stage == spec.StageTrain && s.Zoo != nil:
		return nil, trainShard(ctx, s, shard, sh, &env)
	case stage == spec.StageImport && s.Zoo != nil && s.Zoo.Import != nil:
		return nil, importZoo(ctx, s, &env)
	case stage == spec.StageIndex && s.Zoo != nil && s.Zoo.Import != nil:
		return indexImported(ctx, s, &env)
	case (stage == spec.StageTwins || stage == spec.StageMatch) && s.Zoo != nil:
		return nil, twinShard(ctx, s, stage, shard, sh, &env)
	case stage == spec.StageIndex && s.Zoo != nil:
		return index(ctx, s, &env)
	case stage == spec.StageAnalyse && s.Analysis != nil:
		return nil, analyse(ctx, s, shard, &env)
	case stage == spec.StageCollect && s.Analysis != nil:
		return collect(ctx, s, &env)
	}
	return nil, &InputError{Field: "--stage", Problem: fmt.Sprintf("a %s has no stage %q", s.Object.Kind, stage), Remedy: "use a stage that the plan lists"}
}

// findShard looks a shard up in the plan.
func findShard(s *spec.Snapshot, stage string, shard int) (spec.Shard, error) {
	for _, st := range s.Stages {
		if st.Name != stage {
			continue
		}
		if shard < 0 || shard >= len(st.Shards) {
			return spec.Shard{}, &InputError{
				Field: "JOB_COMPLETION_INDEX", Problem: fmt.Sprintf("shard %d of stage %s, which has %d shards", shard, stage, len(st.Shards)),
				Remedy: "run the Job with the plan it was made from",
			}
		}
		sh := st.Shards[shard]
		if s.Zoo != nil && (sh.To > plan.CohortSize(s.Zoo, sh.Cohort) && stage == spec.StageTrain) {
			return spec.Shard{}, fmt.Errorf("plan.json: stage %s, shard %d reaches past its cohort; the file is damaged, delete its ConfigMap", stage, shard)
		}
		return sh, nil
	}
	return spec.Shard{}, &InputError{Field: "--stage", Problem: fmt.Sprintf("the plan of %s %s has no stage %q", s.Object.Kind, s.Object.Name, stage), Remedy: "use a stage that the plan lists"}
}

// checkPaths makes sure that a plan writes below <namespace>/<kind>/<name> and nowhere else.
func checkPaths(s *spec.Snapshot) error {
	o := s.Object
	want := o.Namespace + "/" + strings.ToLower(o.Kind) + "/" + o.Name
	for _, part := range []string{o.Namespace, o.Kind, o.Name} {
		if part == "" || part == "." || part == ".." || strings.ContainsAny(part, `/\`) {
			return fmt.Errorf("plan.json: object %q/%q/%q has an empty or unsafe part; the file is damaged, delete its ConfigMap", o.Namespace, o.Kind, o.Name)
		}
	}
	if s.ArtifactPath != want || path.Clean(s.ArtifactPath) != want {
		return fmt.Errorf("plan.json: artifactPath %q is not %q; the file is damaged, delete its ConfigMap", s.ArtifactPath, want)
	}
	return nil
}
