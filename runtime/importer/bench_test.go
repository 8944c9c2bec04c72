package importer_test

import (
	"context"
	"os"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/weightspace/weightspace/runtime/importer"
)

// BenchmarkZoo reads the zoo in folder IMPORT_ZOO to memory, a goroutine for each core; hack/bench/peers/bench_import.py makes one.
func BenchmarkZoo(b *testing.B) {
	dir := os.Getenv("IMPORT_ZOO")
	if dir == "" {
		b.Skip("IMPORT_ZOO names no zoo")
	}
	for b.Loop() {
		s, err := importer.OpenFolder(dir)
		must(b, err)
		var group errgroup.Group
		group.SetLimit(2)
		trials := scan(b, s, importer.RayTune)
		first, err := importer.Load(context.Background(), trials[0], nil, importer.Options{Keep: true})
		must(b, err)
		for _, trial := range trials[1:] {
			group.Go(func() error {
				_, err := importer.Load(context.Background(), trial, first.Network, importer.Options{Keep: true})
				return err
			})
		}
		must(b, group.Wait())
		must(b, s.Close())
	}
}
