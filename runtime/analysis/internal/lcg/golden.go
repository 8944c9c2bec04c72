package lcg

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// Golden reads testdata/golden.json, which golden_analysis.py writes.
func Golden(t testing.TB, into any) {
	t.Helper()
	b, err := os.ReadFile("testdata/golden.json")
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Near fails the test unless got is want within tolerance, absolute and relative to want.
func Near(t testing.TB, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*max(1, math.Abs(want))) {
		t.Errorf("%s is %.12g, want %.12g", what, got, want)
	}
}
