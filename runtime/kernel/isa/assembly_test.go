package isa

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Kernels of the AVX2 level use nothing of AVX-512: neither its registers, which the generator's allocator hands out for short vectors
// too, nor its masks. No machine here lacks AVX-512, so nothing else would notice.
func TestAVX2KernelsAreAVX2(t *testing.T) {
	files, err := filepath.Glob("../*/*_amd64.s")
	if err != nil {
		t.Fatal(err)
	}
	top, err := filepath.Glob("../*_amd64.s")
	if err != nil {
		t.Fatal(err)
	}
	beyond := regexp.MustCompile(`\b(?:[XY](?:1[6-9]|2[0-9]|3[01])|Z[0-9]+|K[0-7])\b`)
	kernels := 0
	for _, name := range append(files, top...) {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		in, lines := "", bufio.NewScanner(f)
		for lines.Scan() {
			line := lines.Text()
			if rest, ok := strings.CutPrefix(line, "TEXT ·"); ok {
				in, _, _ = strings.Cut(rest, "(")
				if strings.HasSuffix(in, "AVX2") {
					kernels++
				}
			}
			if r := beyond.FindString(line); r != "" && strings.HasSuffix(in, "AVX2") {
				t.Errorf("%s: %s uses %s", name, in, r)
				in = ""
			}
		}
		if err := lines.Err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		f.Close()
	}
	if kernels < 100 {
		t.Errorf("only %d kernels were looked at", kernels)
	}
}
