package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/preset"
)

func printed(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := execute(t.Context(), args, streams{in: strings.NewReader(""), out: &out, err: &errs}); code != 0 {
		t.Fatalf("weightspace %s: exit code %d\n%s", strings.Join(args, " "), code, errs.String())
	}
	return out.String()
}

func TestPresetsAreListedWithin80Columns(t *testing.T) {
	out := printed(t, "presets")
	for line := range strings.Lines(out) {
		if len(strings.TrimRight(line, "\n")) > 80 {
			t.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
	for _, want := range []string{"mnist-hyp-10-rand             2560     50  cnn-small  mnist\n", "cifar100-resnet18-seed"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
}

// What show prints can be planned as it stands, by name and written out.
func TestEveryPresetShownIsPlanned(t *testing.T) {
	for _, p := range preset.All() {
		for _, extra := range [][]string{nil, {"--recipe"}} {
			text := printed(t, append([]string{"presets", "show", string(p.Name)}, extra...)...)
			file := filepath.Join(t.TempDir(), "zoo.yaml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if p.Dataset != "mnist" {
				continue // its shape is known with its Dataset
			}
			if extra == nil && strings.Count(text, "\nkind: ") != 2 {
				t.Errorf("%s: no Dataset in\n%s", p.Name, text)
			}
			if out := printed(t, "plan", "-f", file); !strings.Contains(out, "models of 2464 parameters, 50 epochs") {
				t.Errorf("%s %v:\n%s", p.Name, extra, out)
			}
		}
	}
}

func TestUnknownPreset(t *testing.T) {
	var errs bytes.Buffer
	if code := execute(t.Context(), []string{"presets", "show", "mnist"}, streams{in: strings.NewReader(""), out: &errs, err: &errs}); code != 65 || !strings.Contains(errs.String(), "no preset") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}
