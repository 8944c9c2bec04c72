package program

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/spec"
)

// TestShardingLeavesNoTrace: shards, instruction set, workers, object name and reruns change
// nothing in the result digest.
func TestShardingLeavesNoTrace(t *testing.T) {
	var want string
	for _, tc := range []struct {
		name    string
		zoo     string
		shard   int32
		isa     kernel.Level
		workers int
	}{
		{"one shard", "zoo", 0, kernel.Auto, 1},
		{"seven shards, pure Go", "zoo", 1, kernel.Ref, 1},
		{"another name, two workers, ragged shards", "other", 3, kernel.Auto, 2},
		{"avx2", "zoo", 0, kernel.AVX2, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if !kernel.Supported(tc.isa) {
				t.Skipf("%s is not supported here", tc.isa)
			}
			l := newLab(t)
			s := l.planZoo(l.dataset(), zooOptions{name: tc.zoo, seeds: 7, epochs: 2, perShard: tc.shard})
			env := l.env()
			env.ISA, env.Workers = tc.isa, tc.workers
			r := l.runAll(s, env)
			if r.Zoo.Members != 7 || r.Zoo.Epochs != 2 || r.SizeBytes == 0 || l.trained != 14 {
				t.Errorf("result %+v after %d trained epochs", r.Zoo, l.trained)
			}
			if want == "" {
				want = r.ResultDigest
			}
			if r.ResultDigest != want {
				t.Errorf("resultDigest %s, want %s", r.ResultDigest, want)
			}
			again := l.runAll(s, env)
			if !reflect.DeepEqual(again.Zoo, r.Zoo) || again.ResultDigest != want || again.ManifestDigest != r.ManifestDigest || l.trained != 14 {
				t.Errorf("running again gave %+v and trained %d epochs in all", again, l.trained)
			}
		})
	}
}

// TestGrowth: more seeds and epochs train only what is missing and change no earlier model;
// a re-created object adopts everything.
func TestGrowth(t *testing.T) {
	l := newLab(t)
	in := l.dataset()
	grow := func(o zooOptions, wantTrained int) *spec.Result {
		t.Helper()
		before := l.trained
		r := l.runAll(l.planZoo(in, o), l.env())
		if got := l.trained - before; got != wantTrained {
			t.Fatalf("%+v trained %d member epochs, want %d", o, got, wantTrained)
		}
		return r
	}
	first := grow(zooOptions{seeds: 3, epochs: 2, perShard: 2}, 6)
	files := l.files("default/modelzoo/zoo/shards/")
	grow(zooOptions{seeds: 5, epochs: 2, perShard: 2}, 4)
	grown := grow(zooOptions{seeds: 5, epochs: 3, perShard: 4}, 5)
	for path, sum := range files {
		if got := l.files(path)[path]; got != sum {
			t.Errorf("%s changed while the zoo grew", path)
		}
	}
	adopted := grow(zooOptions{seeds: 5, epochs: 3}, 0)
	if adopted.ResultDigest != grown.ResultDigest {
		t.Errorf("adopting gave %s, want %s", adopted.ResultDigest, grown.ResultDigest)
	}
	if back := grow(zooOptions{seeds: 3, epochs: 2}, 0); back.ResultDigest != first.ResultDigest {
		t.Errorf("the smaller zoo has digest %s, want %s", back.ResultDigest, first.ResultDigest)
	}
	fresh := newLab(t)
	whole := fresh.runAll(fresh.planZoo(fresh.dataset(), zooOptions{seeds: 5, epochs: 3}), fresh.env())
	if whole.ResultDigest != grown.ResultDigest {
		t.Errorf("grown in steps %s, at once %s", grown.ResultDigest, whole.ResultDigest)
	}
}

// files digests every object below a prefix.
func (l *lab) files(prefix string) map[string]string {
	l.t.Helper()
	objects, err := l.store.List(l.t.Context(), prefix)
	if err != nil {
		l.t.Fatal(err)
	}
	out := map[string]string{}
	for _, o := range objects {
		sum, _, err := l.store.Digest(l.t.Context(), o.Path)
		if err != nil {
			l.t.Fatal(err)
		}
		out[o.Path] = sum
	}
	return out
}

// TestCrashAfterEveryWrite kills the run after its n-th write, for every n, and runs again: the
// final digest is that of an undisturbed run, and no (member, epoch) is lost or made twice in the tables.
func TestCrashAfterEveryWrite(t *testing.T) {
	l := newLab(t)
	in := l.dataset()
	o := zooOptions{seeds: 2, epochs: 2}
	want := l.runAll(l.planZoo(in, o), l.env()).ResultDigest
	for n := 1; ; n++ {
		o.name = fmt.Sprintf("crash-%d", n)
		s := l.planZoo(in, o)
		store := &crashing{Store: l.store, left: n}
		env := l.env()
		env.Store = store
		var err error
		for _, st := range s.Stages {
			if _, err = l.run(s, st.Name, 0, env); err != nil {
				break
			}
		}
		if !store.died {
			if n < 10 {
				t.Errorf("the run made %d writes; the test expects a checkpoint and weights per epoch", n-1)
			}
			return
		}
		if !errors.Is(err, errCrash) {
			t.Fatalf("crash after write %d: error %v", n, err)
		}
		if got := l.runAll(s, l.env()).ResultDigest; got != want {
			t.Fatalf("crash after write %d: resultDigest %s, want %s", n, got, want)
		}
	}
}

// TestStopMidEpoch: a cancelled run checkpoints within the epoch, says so, and continues to
// the same bits.
func TestStopMidEpoch(t *testing.T) {
	l := newLab(t)
	in := l.dataset()
	want := l.runAll(l.planZoo(in, zooOptions{seeds: 3, epochs: 3, name: "straight"}), l.env()).ResultDigest
	s := l.planZoo(in, zooOptions{seeds: 3, epochs: 3})
	stops := 0
	for range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		env := l.env()
		deadline := time.AfterFunc(time.Duration(3+2*stops)*time.Millisecond, cancel)
		_, err := Run(ctx, s, spec.StageTrain, 0, env)
		deadline.Stop()
		cancel()
		if err == nil {
			break
		}
		if !errors.Is(err, ErrCheckpointed) || ExitCode(err) != spec.ExitCheckpointed {
			t.Fatalf("stop %d: %v", stops, err)
		}
		stops++
	}
	r, err := l.run(s, spec.StageIndex, 0, l.env())
	if err != nil {
		t.Fatal(err)
	}
	if r.ResultDigest != want || stops == 0 {
		t.Errorf("after %d stops: resultDigest %s, want %s", stops, r.ResultDigest, want)
	}
}

// TestDamagedCheckpoint: a checkpoint that cannot be read is reported and the shard starts
// over, with the same bits.
func TestDamagedCheckpoint(t *testing.T) {
	l := newLab(t)
	in := l.dataset()
	want := l.runAll(l.planZoo(in, zooOptions{seeds: 2, epochs: 2, name: "straight"}), l.env()).ResultDigest
	s := l.planZoo(in, zooOptions{seeds: 2, epochs: 2})
	env := l.env()
	env.Store = &crashing{Store: l.store, left: 4}
	if _, err := l.run(s, spec.StageTrain, 0, env); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	var path string
	for p := range l.files(s.ArtifactPath + "/shards/") {
		if strings.HasSuffix(p, checkpointName) {
			path = p
		}
	}
	b, err := l.store.Get(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{"truncated": b[:len(b)/2], "empty": {}, "noise": []byte(strings.Repeat("x", 4096))} {
		if err := l.store.Put(t.Context(), path, bad); err != nil {
			t.Fatal(err)
		}
		l.log.Reset()
		if got := l.runAll(s, l.env()).ResultDigest; got != want {
			t.Errorf("%s checkpoint: resultDigest %s, want %s", name, got, want)
		}
		if !strings.Contains(l.log.String(), "cannot be used") {
			t.Errorf("%s checkpoint: no warning in %q", name, l.log)
		}
		if _, err := l.store.DeletePrefix(t.Context(), s.ArtifactPath); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLostFiles: an epoch's weights or a manifest that vanished or broke makes the index say
// what is missing, and training makes it again.
func TestLostFiles(t *testing.T) {
	l := newLab(t)
	in := l.dataset()
	s := l.planZoo(in, zooOptions{seeds: 2, epochs: 2})
	want := l.runAll(s, l.env()).ResultDigest
	for _, name := range []string{epochName(1), manifestName, metricsName} {
		var path string
		for p := range l.files(s.ArtifactPath + "/shards/") {
			if strings.HasSuffix(p, name) {
				path = p
			}
		}
		b, err := l.store.Get(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if name != metricsName {
			b = b[:1] // of another size; the metrics keep theirs and change a bit
		}
		b[0] ^= 1
		if err := l.store.Put(t.Context(), path, b); err != nil {
			t.Fatal(err)
		}
		_, err = l.run(s, spec.StageIndex, 0, l.env())
		var incomplete *IncompleteError
		if !errors.As(err, &incomplete) || incomplete.Missing != 2 || incomplete.Total != 2 || ExitCode(err) != spec.ExitIncomplete {
			t.Fatalf("%s damaged: %v", name, err)
		}
		if got := l.runAll(s, l.env()).ResultDigest; got != want {
			t.Errorf("%s damaged: resultDigest %s after the repair, want %s", name, got, want)
		}
	}
}

// TestDivergedMembersAreResults: a huge learning rate ends in NaN for some members; the zoo is complete
// all the same, and its mean leaves them out.
func TestDivergedMembersAreResults(t *testing.T) {
	l := newLab(t)
	s := l.planZoo(l.dataset(), zooOptions{
		seeds: 1, epochs: 3, rates: []v1alpha1.Decimal{"1e-3", "1e30"},
		activate: []v1alpha1.Activation{v1alpha1.ActivationReLU}, optimizer: []v1alpha1.Optimizer{v1alpha1.OptimizerSGD},
	})
	r := l.runAll(s, l.env())
	if r.Zoo.Diverged != 1 || r.Zoo.Members != 2 || r.Zoo.TestAccuracyMean != r.Zoo.TestAccuracyMean {
		t.Errorf("result %+v", r.Zoo)
	}
	if again := l.runAll(s, l.env()); again.ResultDigest != r.ResultDigest {
		t.Errorf("digest moved from %s to %s", r.ResultDigest, again.ResultDigest)
	}
}

// TestRacingPods: two pods on one shard end well and leave one consistent artifact.
func TestRacingPods(t *testing.T) {
	l := newLab(t)
	in := l.dataset()
	s := l.planZoo(in, zooOptions{seeds: 2, epochs: 2})
	errs := make(chan error, 2)
	for range 2 {
		store, err := artifact.Open(t.Context(), l.store.URL(), "") // each pod opens the store for itself
		if err != nil {
			t.Fatal(err)
		}
		env := l.env()
		env.Progress, env.Log, env.Store = nil, nil, store
		go func() {
			_, err := Run(t.Context(), s, spec.StageTrain, 0, env)
			errs <- err
		}()
	}
	for range 2 {
		if err := <-errs; err != nil {
			t.Errorf("racing pod: %v", err)
		}
	}
	got := l.runAll(s, l.env()).ResultDigest
	if want := l.runAll(l.planZoo(in, zooOptions{seeds: 2, epochs: 2, name: "alone"}), l.env()).ResultDigest; got != want {
		t.Errorf("resultDigest %s, want %s", got, want)
	}
}

// TestReadOnlyStore: the error says what to do, with the store's exit code.
func TestReadOnlyStore(t *testing.T) {
	l := newLab(t)
	s := l.planZoo(l.dataset(), zooOptions{seeds: 1, epochs: 1})
	for kind, remedy := range map[error]string{
		artifact.ErrReadOnly: "writable", artifact.ErrFull: "free some space", artifact.ErrUnavailable: "does not answer",
		artifact.ErrDenied: "check the credentials", artifact.ErrSetup: "correct its URL",
	} {
		env := l.env()
		env.Store = &refusing{Store: l.store, err: &artifact.Error{Store: "s3://bucket", Op: "put", Path: "x", Kind: kind}}
		_, err := l.run(s, spec.StageTrain, 0, env)
		term := Termination(nil, err)
		if !errors.Is(err, kind) || ExitCode(err) != spec.ExitStore || term.Reason != "StoreUnavailable" {
			t.Errorf("%v: got %v, exit code %d", kind, err, ExitCode(err))
		}
		if !strings.Contains(term.Message, "store s3://bucket: ") || !strings.Contains(term.Message, remedy) {
			t.Errorf("the message is %q", term.Message)
		}
	}
}

// refusing is a store that takes no writes.
type refusing struct {
	*artifact.Store
	err error
}

func (r *refusing) Put(context.Context, string, []byte) error { return r.err }

// TestCleanup removes the artifact and nothing beside it.
func TestCleanup(t *testing.T) {
	l := newLab(t)
	in := l.dataset()
	s := l.planZoo(in, zooOptions{seeds: 1, epochs: 1, name: "zoo"})
	l.runAll(s, l.env())
	if err := l.store.Put(t.Context(), "default/modelzoo/zoo-2/keep", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := l.run(s, spec.StageCleanup, 0, l.env()); err != nil {
		t.Fatal(err)
	}
	if left := l.files("default/modelzoo/"); len(left) != 1 {
		t.Errorf("left over: %v", left)
	}
	s.ArtifactPath = "default/modelzoo"
	if _, err := l.run(s, spec.StageCleanup, 0, l.env()); err == nil {
		t.Error("a plan whose artifactPath is not its object's was accepted")
	}
}
