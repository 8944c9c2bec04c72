package faults

import (
	"errors"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weightspace/weightspace/controllers/staged"
)

// maxPasses is more than any scenario needs to come to rest.
const maxPasses = 60

var epoch = metav1.NewTime(time.Unix(1_800_000_000, 0))

// Step is something the user does, once, as soon as When holds.
type Step struct {
	When func(w *World) bool
	Do   func(w *World)
}

// Scenario is a world, what is reconciled in it, and what happens to it.
type Scenario struct {
	Adapter staged.Adapter
	// Key is the object that is reconciled.
	Key     client.ObjectKey
	Objects []client.Object
	Kubelet Kubelet
	// Steps are taken in order.
	Steps []Step
	// Refuse says which objects admission turns away; nil is none.
	Refuse func(w *World, o client.Object) bool
	// MayRepeat is a part of the names of objects that a failure may cause to be made again, after
	// the first was deleted. Empty: none is ever made again.
	MayRepeat string

	scheme *runtime.Scheme
	rests  map[string]bool // states from which the final state is known to follow
	final  string
	failed int
}

// Run plays the scenario without a failure and returns the world at rest; then it fails every
// call of every pass once, in each mode, and demands the same world at rest. What follows from
// a state depends on nothing else, so a failure is followed only until a known state is reached.
func (s *Scenario) Run(t testing.TB) *World {
	t.Helper()
	w, path := s.play(t)
	s.final = w.state()
	for i, before := range path {
		for _, m := range []mode{refused, ambiguous} {
			s.explore(before.fork(), i+1, m)
		}
	}
	if s.failed < 30 {
		t.Errorf("only %d calls seen", s.failed)
	}
	t.Logf("%d passes, %d calls failed once each", len(path), s.failed)
	return w
}

// AtRest plays the scenario without a failure.
func (s *Scenario) AtRest(t testing.TB) *World {
	t.Helper()
	w, _ := s.play(t)
	return w
}

// play passes until nothing changes; it returns the world at rest, and as it was before each pass.
func (s *Scenario) play(t testing.TB) (*World, []*World) {
	t.Helper()
	s.rests = map[string]bool{}
	w := newWorld(t, s, s.Objects)
	var path []*World
	for at := w.state(); ; {
		if len(path) == maxPasses {
			t.Fatalf("no rest after %d passes:\n%s", maxPasses, at)
		}
		s.rests[at] = true
		path = append(path, w.fork())
		if err := w.pass(); err != nil {
			t.Fatalf("pass %d: %v", len(path), err)
		}
		now := w.state()
		if now == at {
			break
		}
		at = now
	}
	if w.next != len(s.Steps) {
		t.Fatalf("at rest before step %d of the user:\n%s", w.next+1, w.state())
	}
	return w, path
}

// explore fails the calls of one pass, each in an equal world.
func (s *Scenario) explore(w *World, number int, m mode) {
	before := w.state()
	dirty := false
	origin := w.fork()
	for n := 1; ; n++ {
		if dirty {
			w, dirty = origin.fork(), false
		}
		w.mode, w.failAt, w.calls = m, n, 0
		err := w.reconcile()
		happened := w.calls >= n
		w.failAt = 0
		if !happened {
			return
		}
		s.failed++
		if !errors.Is(err, errInjected) {
			w.t.Fatalf("pass %d: call %d failed in mode %d, and the pass says %v", number, n, m, err)
		}
		if w.state() == before {
			continue // as if nothing had been called
		}
		dirty = true
		w.settle()
		s.converge(w, number, n)
	}
}

// converge follows a world after a failure to a state whose future is known.
func (s *Scenario) converge(w *World, number, call int) {
	var seen []string
	at := w.state()
	for range maxPasses {
		if s.rests[at] {
			for _, state := range seen {
				s.rests[state] = true
			}
			return
		}
		seen = append(seen, at)
		if err := w.pass(); err != nil {
			w.t.Fatalf("pass %d, call %d failed in mode %d; later: %v", number, call, w.mode, err)
		}
		now := w.state()
		if now == at {
			break
		}
		at = now
	}
	w.t.Fatalf("pass %d, call %d failed in mode %d: another end\n%s", number, call, w.mode, difference(s.final, at))
}

// difference says where two states part.
func difference(want, got string) string {
	const around = 200
	n := 0
	for n < min(len(want), len(got)) && want[n] == got[n] {
		n++
	}
	cut := func(text string) string { return text[max(n-around, 0):min(n+around, len(text))] }
	return fmt.Sprintf("want ...%s...\n got ...%s...", cut(want), cut(got))
}

// pass reconciles once and then lets the world react.
func (w *World) pass() error {
	err := w.reconcile()
	w.settle()
	return err
}

// Reconciler is that of a manager which knows nothing of earlier passes.
func (w *World) Reconciler() *staged.Reconciler {
	return &staged.Reconciler{
		Client: w, Live: w, Adapter: w.s.Adapter, Policy: &staged.Policy{RuntimeImage: "image"}, Recorder: events.NewFakeRecorder(100),
		Clock: clocktesting.NewFakePassiveClock(epoch.Time),
	}
}

func (w *World) reconcile() error {
	_, err := w.Reconciler().Reconcile(w.t.Context(), ctrl.Request{NamespacedName: w.s.Key})
	return err
}

// settle lets the Job controller, the kubelet, the garbage collector and the user do one thing.
func (w *World) settle() {
	w.quietly(func() {
		w.s.Kubelet.step(w)
		if w.next < len(w.s.Steps) && w.s.Steps[w.next].When(w) {
			w.s.Steps[w.next].Do(w)
			w.next++
		}
	})
}
