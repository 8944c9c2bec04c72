package report

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var outDir = flag.String("out", "", "folder to write the demonstration report to, for looking at")

func TestBuildDemo(t *testing.T) {
	files, err := Build(syntheticZoo(demoShape, 7))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files.Names() {
		t.Logf("%s: %d bytes", name, len(files[name]))
		if *outDir != "" {
			if err := os.WriteFile(filepath.Join(*outDir, name), files[name], 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
