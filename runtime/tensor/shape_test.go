package tensor

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestShapes(t *testing.T) {
	s := Shape{2, 3, 4}
	if s.Size() != 24 || s.String() != "2x3x4" || (Shape{}).Size() != 1 || (Shape{}).String() != "scalar" || (Shape{2, 0}).Size() != 0 {
		t.Errorf("%s has %d elements", s, s.Size())
	}
	c := s.Clone()
	c[0] = 9
	if s[0] != 2 || s.Equal(c) || !s.Equal(Shape{2, 3, 4}) || s.Equal(Shape{2, 3}) {
		t.Errorf("%v and its clone %v", s, c)
	}
	for axis, want := range [][3]int{{1, 2, 12}, {2, 3, 4}, {6, 4, 1}} {
		if o, e, i := s.Around(axis); [3]int{o, e, i} != want {
			t.Errorf("around axis %d: %d, %d, %d", axis, o, e, i)
		}
	}
	if got := s.Strides(); !slices.Equal(got, []int{12, 4, 1}) {
		t.Errorf("strides %v", got)
	}
	if got := (Shape{}).Strides(); len(got) != 0 {
		t.Errorf("strides of a scalar: %v", got)
	}
}

func TestBroadcast(t *testing.T) {
	for _, c := range []struct{ a, b, want Shape }{
		{Shape{2, 3}, Shape{2, 3}, Shape{2, 3}},
		{Shape{2, 3}, Shape{3}, Shape{2, 3}},
		{Shape{3}, Shape{2, 3}, Shape{2, 3}},
		{Shape{}, Shape{2, 3}, Shape{2, 3}},
		{Shape{}, Shape{}, Shape{}},
		{Shape{2, 1}, Shape{1, 3}, Shape{2, 3}},
		{Shape{1, 1}, Shape{1}, Shape{1, 1}},
		{Shape{0}, Shape{1}, Shape{0}},
		{Shape{4, 1, 0}, Shape{5, 1}, Shape{4, 5, 0}},
	} {
		if got, err := Broadcast(c.a, c.b); err != nil || !got.Equal(c.want) {
			t.Errorf("%s and %s: %s, %v", c.a, c.b, got, err)
		}
	}
	for _, c := range [][2]Shape{{Shape{2}, Shape{3}}, {Shape{2, 3}, Shape{2}}, {Shape{0}, Shape{2}}} {
		if got, err := Broadcast(c[0], c[1]); err == nil {
			t.Errorf("%s and %s: %s", c[0], c[1], got)
		}
	}
	_, err := Broadcast(Shape{2, 3}, Shape{4, 3})
	if err == nil || err.Error() != "shapes 2x3 and 4x3 do not broadcast: axis 0 has 2 and 4" {
		t.Error(err)
	}
}

// Broadcasting is symmetric, and what it gives broadcasts with both operands to itself.
func TestBroadcastProperties(t *testing.T) {
	extent := rapid.SampledFrom([]int{0, 1, 1, 2, 3})
	rapid.Check(t, func(t *rapid.T) {
		a, b := Shape(rapid.SliceOfN(extent, 0, 4).Draw(t, "a")), Shape(rapid.SliceOfN(extent, 0, 4).Draw(t, "b"))
		ab, err := Broadcast(a, b)
		ba, other := Broadcast(b, a)
		if (err == nil) != (other == nil) || !ab.Equal(ba) {
			t.Fatalf("%v and %v", ab, ba)
		}
		if err != nil {
			return
		}
		for _, s := range []Shape{a, b, ab} {
			if again, err := Broadcast(s, ab); err != nil || !again.Equal(ab) {
				t.Fatalf("%v with %v: %v, %v", s, ab, again, err)
			}
		}
	})
}
