package isa

import (
	"strings"
	"testing"
)

// Names of levels are read back; what cannot run here is refused.
func TestLevelNames(t *testing.T) {
	for _, l := range []Level{Ref, AVX2, AVX512} {
		got, err := ParseLevel(l.String())
		if Supported(l) && (err != nil || got != l) || !Supported(l) && err == nil {
			t.Errorf("%s: %v, %v", l, got, err)
		}
	}
	if l, err := ParseLevel(""); err != nil || l != Best() {
		t.Errorf("empty: %v, %v", l, err)
	}
	if _, err := ParseLevel("sse9"); err == nil || !strings.Contains(err.Error(), "use auto, ref, avx2 or avx512") {
		t.Errorf("unknown level: %v", err)
	}
}
