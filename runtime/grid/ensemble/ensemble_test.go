package ensemble

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weightspace/weightspace/runtime/grid"
	"github.com/weightspace/weightspace/runtime/grid/growth"
	"github.com/weightspace/weightspace/runtime/grid/static"
)

// Weak lines reject some draws; the member is the first that is left, and the same every time.
func TestGrown(t *testing.T) {
	p := growth.Default(20)
	p.Coupling = 1.6
	redrawn := 0
	for i := range uint64(30) {
		a, err := Grown(t.Context(), p, i, static.Options{})
		if err != nil {
			t.Fatal(err)
		}
		redrawn += a.Draw
		b, err := Grown(t.Context(), p, i, static.Options{})
		if err != nil || cmp.Diff(a, b) != "" {
			t.Fatal(err)
		}
		if c, err := growth.Grow(p, i, a.Draw); err != nil || cmp.Diff(a.Grid, c) != "" {
			t.Fatalf("grid %d is not draw %d", i, a.Draw)
		}
	}
	if redrawn == 0 {
		t.Error("no draw was rejected: the test sees nothing")
	}
}

func TestErrors(t *testing.T) {
	p := growth.Default(10)
	p.Coupling = 0.1
	var r *static.Rejection
	if _, err := Grown(t.Context(), p, 4, static.Options{}); !errors.As(err, &r) || r.Reason != static.Overloaded || !strings.HasPrefix(err.Error(), "grid 4: none of 20 draws has a synchronous state") {
		t.Error(err)
	}
	p.N = 0
	var field *grid.FieldError
	if _, err := Grown(t.Context(), p, 4, static.Options{}); !errors.As(err, &field) {
		t.Error(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Grown(ctx, growth.Default(10), 0, static.Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
