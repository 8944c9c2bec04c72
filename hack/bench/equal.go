package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/weightspace/weightspace/runtime/artifact"
)

// Bounds of equal work: differences of the losses of single batches over the first steps, and the
// difference of mean accuracies in standard errors of the members.
const (
	lossBound     = 1e-3
	accuracyBound = 3
)

// equalWork is the workload that compares results instead of speed: PyTorch starts from our weights
// and takes our batches.
func equalWork(p places) workload {
	z := cnnSmall
	w := workload{name: "equal-work", title: "The same losses from the same weights and batches."}
	w.check = func(ctx context.Context, out io.Writer) error {
		dir, err := os.MkdirTemp("", "equal-work")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		ours, theirs := filepath.Join(dir, "ours.safetensors"), filepath.Join(dir, "peer.safetensors")
		args := z.args(p, "64")
		commands := [][]string{
			append([]string{p.ours(), "-work", "equal-work", "--folder", dir}, args...),
			append([]string{
				p.python(), filepath.Join(p.peers(), "equal_work.py"), "--ours", ours, "--out", theirs,
			}, args...),
		}
		for _, c := range commands {
			cmd := exec.CommandContext(ctx, c[0], c[1:]...)
			cmd.Env = cleanEnvironment(os.Environ(), allCores)
			if b, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("%s: %w\n%s", filepath.Base(c[0]), err, b)
			}
		}
		a, err := readOutcome(ours)
		if err != nil {
			return err
		}
		b, err := readOutcome(theirs)
		if err != nil {
			return err
		}
		return compare(out, a, b)
	}
	return w
}

// outcome is what came of a training: losses [steps, P], accuracies [P].
type outcome struct{ losses, accuracy []float64 }

func readOutcome(path string) (outcome, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return outcome{}, err
	}
	f, err := artifact.ReadSafetensors(b)
	if err != nil {
		return outcome{}, fmt.Errorf("%s: %w", path, err)
	}
	var o outcome
	for name, into := range map[string]*[]float64{"losses": &o.losses, "accuracy": &o.accuracy} {
		t, ok := f.Tensor(name)
		if !ok || t.DType != artifact.F64 {
			return outcome{}, fmt.Errorf("%s: float64 tensor %s is missing", path, name)
		}
		for at := 0; at < len(t.Data); at += 8 {
			*into = append(*into, math.Float64frombits(binary.LittleEndian.Uint64(t.Data[at:])))
		}
	}
	return o, nil
}

// compare prints how far the outcomes differ and fails beyond the bounds.
func compare(out io.Writer, ours, peer outcome) error {
	if len(ours.losses) != len(peer.losses) || len(ours.accuracy) != len(peer.accuracy) || len(ours.accuracy) < 2 {
		return errors.New("equal-work: the outcomes have other shapes")
	}
	worst := 0.0
	for i, l := range ours.losses {
		worst = math.Max(worst, math.Abs(l-peer.losses[i])) // NaN stays NaN
	}
	p := float64(len(ours.accuracy))
	a, spread := meanAndDeviation(ours.accuracy)
	b, _ := meanAndDeviation(peer.accuracy)
	noise := spread * math.Sqrt(2/p)
	fmt.Fprintf(out, "### equal-work\n\n- %d batch losses of %.0f members from the same weights: largest difference %.1e (bound %.0e)\n",
		len(ours.losses), p, worst, lossBound)
	fmt.Fprintf(out, "- mean test accuracy after an epoch: ours %.4f, PyTorch %.4f; a difference of %.1f standard errors (bound %d)\n\n",
		a, b, math.Abs(a-b)/noise, accuracyBound)
	switch {
	case !(worst <= lossBound):
		return fmt.Errorf("equal-work: losses differ by %g", worst)
	case !(math.Abs(a-b) <= accuracyBound*noise):
		return fmt.Errorf("equal-work: accuracies %g and %g differ by more than the noise of seeds", a, b)
	}
	return nil
}

// meanAndDeviation are the mean and the standard deviation of a sample.
func meanAndDeviation(x []float64) (mean, deviation float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		deviation += (v - mean) * (v - mean) / float64(len(x)-1)
	}
	return mean, math.Sqrt(deviation)
}
