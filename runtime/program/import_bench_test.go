package program

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/importer"
	"github.com/weightspace/weightspace/runtime/plan"
)

// BenchmarkImportZoo imports the zoo in folder IMPORT_ZOO into a folder store; hack/bench/peers/bench_import.py makes one.
func BenchmarkImportZoo(b *testing.B) {
	from := os.Getenv("IMPORT_ZOO")
	if from == "" {
		b.Skip("IMPORT_ZOO names no zoo")
	}
	for b.Loop() {
		store, err := artifact.Open(b.Context(), filepath.Join(b.TempDir(), "store"), "")
		if err != nil {
			b.Fatal(err)
		}
		source, err := importer.OpenFolder(from)
		if err != nil {
			b.Fatal(err)
		}
		im := &v1alpha1.ZooImport{Layout: "rayTune", Source: v1alpha1.ImportSource{URL: "folder:a"}}
		s, err := plan.LocalImport(&v1alpha1.ModelZooSpec{Import: *im}, plan.Inputs{Namespace: "ns", Name: "a", StoreURL: store.URL()}, 64)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := runImport(b.Context(), s, store, Env{ImportFrom: source}); err != nil {
			b.Fatal(err)
		}
	}
}
