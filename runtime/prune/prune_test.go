package prune

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/tensor"
)

func TestCountIsExact(t *testing.T) {
	for _, tc := range []struct {
		s    float64
		n    int
		want int
	}{
		{0.29, 100, 29}, {0.7, 10, 7}, {0.5, 2385, 1192}, {0.9, 10, 9}, {0.1, 9, 0}, {0, 5, 0}, {1, 5, 5}, {0.999, 1000, 999}, {-1, 5, 0}, {math.NaN(), 5, 0}, {2, 5, 5}, {0.58, 50, 29}, {1e-9, 1 << 30, 1},
	} {
		if got := Count(tc.s, tc.n); got != tc.want {
			t.Errorf("Count(%v, %d) = %d, want %d", tc.s, tc.n, got, tc.want)
		}
	}
	// Control: the float product is wrong in one of these.
	if s, n := 0.29, 100.0; int(s*n) == 29 {
		t.Error("the float product is exact: the control shows nothing")
	}
}

func TestDropTakesTheSmallest(t *testing.T) {
	parts := []Part{{"a", 2, 8}, {"b", 10, 14}}
	row := []float32{0, 0, 3, -1, 2, 2, -2, 5, 0, 0, -2, 1, 0.5, 9}
	for _, tc := range []struct {
		name    string
		parts   []Part
		count   int
		already []int32
		want    []int32
	}{
		{"none", parts, 0, nil, nil},
		{"smallest", parts, 3, nil, []int32{3, 11, 12}},
		{"ties go by index", parts, 5, nil, []int32{3, 4, 5, 11, 12}},
		{"one part", parts[:1], 2, nil, []int32{3, 4}},
		{"a mask only grows", parts, 2, []int32{7, 13}, []int32{7, 13}},
		{"dropped ones first", parts, 3, []int32{13}, []int32{3, 12, 13}},
		{"all", parts, 99, nil, []int32{2, 3, 4, 5, 6, 7, 10, 11, 12, 13}},
	} {
		if got := Drop(tc.parts, tc.count, Magnitude(row), tc.already); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

// Against sorting by absolute value and index, on random rows with many ties.
func TestDropAgreesWithSorting(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		n := 1 + r.IntN(60)
		row := make([]float32, n)
		for i := range row {
			row[i] = float32(r.IntN(9) - 4)
		}
		count := r.IntN(n + 1)
		order := make([]int, n)
		for i := range order {
			order[i] = i
		}
		sort.SliceStable(order, func(a, b int) bool {
			return math.Abs(float64(row[order[a]])) < math.Abs(float64(row[order[b]]))
		})
		want := make([]int32, count)
		for i := range want {
			want[i] = int32(order[i])
		}
		slices.Sort(want)
		if got := Drop([]Part{{"w", 0, n}}, count, Magnitude(row), nil); !slices.Equal(got, want) {
			t.Fatalf("row %v, %d: %v, want %v", row, count, got, want)
		}
	}
}

// Random scores drop different elements for different seeds, the same for the same seed, and are no more often in one half.
func TestRandomScores(t *testing.T) {
	part := []Part{{"w", 0, 10_000}}
	a, b := Drop(part, 5000, Random(1), nil), Drop(part, 5000, Random(2), nil)
	if !slices.Equal(a, Drop(part, 5000, Random(1), nil)) || slices.Equal(a, b) {
		t.Error("random masks do not follow the seed")
	}
	// Hypergeometric with deviation 25: 5 deviations.
	if n := Within(a, Part{"", 0, 5000}); math.Abs(float64(n-2500)) > 125 {
		t.Errorf("%d of 5000 are in the first half", n)
	}
}

func TestSchedules(t *testing.T) {
	cubic, err := Cubic(0.1, 0.9, 100, 4, 50)
	if err != nil {
		t.Fatal(err)
	}
	iterative, err := Iterative(0.875, 3, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		got  []Event
		want []Event
	}{
		{"one shot", OneShot(0.5), []Event{{0, 0.5}}},
		// s_t = .9 - .8 (1 - k/4)^3.
		{"cubic", cubic, []Event{{100, 0.1}, {150, 0.9 - 0.8*27/64}, {200, 0.8}, {250, 0.9 - 0.8/64}, {300, 0.9}}},
		// Half of what is left, three times.
		{"iterative", iterative, []Event{{0, 0.5}, {10, 0.75}, {20, 0.875}}},
	} {
		if len(tc.got) != len(tc.want) {
			t.Fatalf("%s: %v", tc.name, tc.got)
		}
		for i, e := range tc.got {
			if e.Step != tc.want[i].Step || math.Abs(e.Sparsity-tc.want[i].Sparsity) > 1e-12 {
				t.Errorf("%s, event %d: %+v, want %+v", tc.name, i, e, tc.want[i])
			}
		}
	}
	if _, err := Cubic(0.9, 0.5, 0, 1, 1); err == nil {
		t.Error("a falling sparsity is accepted")
	}
	if _, err := Iterative(0.5, 0, 1); err == nil {
		t.Error("no rounds are accepted")
	}
}

func TestParts(t *testing.T) {
	layout := []tensor.Param{{Name: "0.weight", Shape: []int{3, 2}, Offset: 0}, {Name: "0.bias", Shape: []int{3}, Offset: 6}, {Name: "3.weight", Shape: []int{4, 3}, Offset: 9}}
	got := Parts(layout, func(p tensor.Param) bool { return strings.HasSuffix(p.Name, "weight") })
	if want := []Part{{"0.weight", 0, 6}, {"3.weight", 9, 21}}; !slices.Equal(got, want) || Total(got) != 18 {
		t.Errorf("parts %v", got)
	}
	if n := Within([]int32{0, 5, 6, 9, 20}, got[1]); n != 2 {
		t.Errorf("%d within the second part, want 2", n)
	}
}
