package export_test

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/export"
	"github.com/weightspace/weightspace/runtime/train"
)

// TestLogits: each model's folder gets the answers of its own weights at the exported epoch.
func TestLogits(t *testing.T) {
	f := newFixture(t)
	out, epoch := t.TempDir(), 1
	_, err := export.Write(t.Context(), f.store, zooDir, out, export.Options{Epoch: &epoch, Logits: 3})
	must(t, err)
	set, _, _, err := data.LoadPath(t.Context(), f.store, dataDir)
	must(t, err)
	forward, err := train.NewForward(train.Config{Architecture: "cnn-small", Activation: "tanh", Data: set})
	must(t, err)
	for i, m := range f.members {
		b, err := os.ReadFile(filepath.Join(out, m.ID, "logits.safetensors"))
		must(t, err)
		file, err := artifact.ReadSafetensors(b)
		must(t, err)
		if file.Metadata["modelID"] != m.ID || file.Metadata["epoch"] != "1" || !slices.Equal(file.Tensors[0].Shape, []int{3, 10}) {
			t.Fatalf("metadata %v, shape %v", file.Metadata, file.Tensors[0].Shape)
		}
		weights := make([]float32, parameters)
		for j := range weights {
			weights[j] = math.Float32frombits(binary.LittleEndian.Uint32(row(i, epoch)[4*j:]))
		}
		want, err := forward.Logits(weights, &set.Test, 3)
		must(t, err)
		for j := range want {
			if got := binary.LittleEndian.Uint32(file.Tensors[0].Data[4*j:]); got != math.Float32bits(want[j]) {
				t.Fatalf("model %d, logit %d: %v, want %v", i, j, math.Float32frombits(got), want[j])
			}
		}
	}
	for _, n := range []int{-1, 11} {
		if _, err := export.Write(t.Context(), f.store, zooDir, t.TempDir(), export.Options{Logits: n}); err == nil || !strings.Contains(err.Error(), "test images") {
			t.Errorf("logits of %d images: %v", n, err)
		}
	}
}
