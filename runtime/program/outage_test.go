package program

import (
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/artifact"
)

// TestStoreGoesAwayWhileTraining: a store that stops answering in the middle of a shard and comes
// back is waited for, with progress that says so, and leaves no trace in the results. The store is a
// folder, which goes away like a mount does.
func TestStoreGoesAwayWhileTraining(t *testing.T) {
	l := newLab(t)
	in := l.dataset()
	want := l.runAll(l.planZoo(in, zooOptions{seeds: 2, epochs: 3, name: "straight"}), l.env()).ResultDigest

	folder := filepath.Join(t.TempDir(), "store")
	if err := os.CopyFS(folder, os.DirFS(l.store.URL())); err != nil {
		t.Fatal(err)
	}
	store, err := artifact.OpenWith(t.Context(), folder, artifact.Options{FirstBackoff: 10 * time.Millisecond, LongestBackoff: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	l.store = store
	s := l.planZoo(in, zooOptions{seeds: 2, epochs: 3, name: "disturbed"})

	const outage = 2 * time.Second
	var mu sync.Mutex
	var states []v1alpha1.StoreState
	gone := false
	back := make(chan error, 1)
	env := l.env()
	env.Progress = func(p Progress) {
		mu.Lock()
		defer mu.Unlock()
		if len(states) == 0 || states[len(states)-1] != p.Store {
			states = append(states, p.Store)
		}
		if p.Epoch < 1 || p.Epochs == 0 || gone {
			return
		}
		gone = true
		if err := os.Rename(folder, folder+".away"); err != nil {
			back <- err
			return
		}
		time.AfterFunc(outage, func() { back <- os.Rename(folder+".away", folder) })
	}
	result := l.runAll(s, env)
	if err := <-back; err != nil {
		t.Fatal(err)
	}
	if result.ResultDigest != want {
		t.Errorf("resultDigest %s, want %s", result.ResultDigest, want)
	}
	if want := []v1alpha1.StoreState{v1alpha1.StoreAvailable, v1alpha1.StoreUnavailable, v1alpha1.StoreAvailable}; !slices.Equal(states, want) {
		t.Errorf("progress said %v, want %v", states, want)
	}
}
