package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// inProcess runs a command line and returns exit code, standard output and standard error.
func inProcess(t *testing.T, args ...string) (int, string, string) {
	t.Helper()
	var out, err bytes.Buffer
	code := execute(t.Context(), args, streams{in: strings.NewReader(""), out: &out, err: &err})
	return code, out.String(), err.String()
}

// TestImportCommand: a published zoo's archive becomes a ModelZoo with a report; its export in that layout is imported as well.
func TestImportCommand(t *testing.T) {
	dir := t.TempDir()
	store, exported := filepath.Join(dir, "store"), filepath.Join(dir, "out")
	code, out, errs := inProcess(t, "import", "--layout", "rayTune", "--from", "../../importer/testdata/small.zip", "--name", "small", "--store", store)
	if code != 0 || !strings.Contains(out, "2 models, 1 epochs") {
		t.Fatalf("exit %d: %s %s", code, out, errs)
	}
	if _, err := os.Stat(filepath.Join(store, "default/modelzoo/small/report/report.html")); err != nil {
		t.Error(err)
	}
	if code, _, errs = inProcess(t, "export", "--store", store, "--artifact", "default/modelzoo/small", "--format", "rayTune", "--to", exported); code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	if code, out, errs = inProcess(t, "import", "--layout", "rayTune", "--from", exported, "--name", "again", "--store", store, "--no-report"); code != 0 || !strings.Contains(out, "2 models") {
		t.Fatalf("exit %d: %s %s", code, out, errs)
	}
	for name, c := range map[string]struct {
		args []string
		text string
	}{
		"layout":    {[]string{"--layout", "keras", "--from", exported, "--name", "x"}, "--layout"},
		"from":      {[]string{"--layout", "rayTune", "--from", filepath.Join(dir, "absent"), "--name", "x"}, "--from"},
		"not one":   {[]string{"--layout", "rayTune", "--from", "import_test.go", "--name", "x"}, "--from"},
		"name":      {[]string{"--layout", "rayTune", "--from", exported, "--name", "X"}, "--name"},
		"dataset":   {[]string{"--layout", "rayTune", "--from", exported, "--name", "x", "--dataset", "absent"}, "--dataset"},
		"threshold": {[]string{"--layout", "rayTune", "--from", exported, "--name", "x", "--max-abs-weight", "-1"}, "--max-abs-weight"},
		"nothing":   {[]string{"--layout", "huggingFace", "--from", exported, "--name", "x"}, "spec.import.source"},
	} {
		code, _, errs := inProcess(t, append([]string{"import", "--store", store}, c.args...)...)
		if code != 65 || !strings.Contains(errs, c.text) {
			t.Errorf("%s: exit %d: %s", name, code, errs)
		}
	}
	if code, _, errs := inProcess(t, "export", "--store", store, "--artifact", "default/modelzoo/small", "--format", "onnx", "--to", exported); code != 65 || !strings.Contains(errs, "--format") {
		t.Errorf("exit %d: %s", code, errs)
	}
}
