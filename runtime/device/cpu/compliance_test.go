package cpu

import (
	"testing"

	"github.com/weightspace/weightspace/runtime/check"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

// levels are the instruction sets of this machine and build.
func levels(t *testing.T) map[isa.Level]*Device[float32] {
	t.Helper()
	out := map[isa.Level]*Device[float32]{}
	for _, l := range []isa.Level{isa.Ref, isa.AVX2, isa.AVX512} {
		if d, err := New[float32](l, 2); err == nil {
			out[l] = d
		}
	}
	return out
}

func TestCompliance(t *testing.T) {
	ref, err := New[float64](isa.Ref, 1)
	if err != nil {
		t.Fatal(err)
	}
	for l, d := range levels(t) {
		t.Run(l.String(), func(t *testing.T) { check.Compliance(t, d, ref) })
	}
}

// Every operation has the same bits on every instruction set.
func TestSameBits(t *testing.T) {
	want, err := New[float32](isa.Ref, 1)
	if err != nil {
		t.Fatal(err)
	}
	for l, d := range levels(t) {
		t.Run(l.String(), func(t *testing.T) { check.SameBits(t, d, want) })
	}
}

// Every operation has the same bits for any number of workers. This one runs under the race detector too.
func TestWorkersHaveTheSameBits(t *testing.T) {
	one, err := New[float32](isa.Auto, 1)
	if err != nil {
		t.Fatal(err)
	}
	many, err := New[float32](isa.Auto, 5)
	if err != nil {
		t.Fatal(err)
	}
	check.SameBits(t, many, one)
}
