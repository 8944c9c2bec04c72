// Command ours is the contender of our own engine in the side-by-side benchmark: it speaks the line
// protocol of hack/bench/peers/common.py.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// options are the flags that the driver gives.
type options struct {
	work, architecture, activation, data, shape string
	seconds                                     float64
	cores, members, channels, batch, size       int
	dim, depth, sequence                        int
	images, epochs                              int
	folder                                      string
}

// job is prepared work: run does n steps of so much work each. If it answers with seconds they are
// taken, else the clock's.
type job struct {
	run     func(n int) (seconds float64, err error)
	work    float64
	setting string
}

// jobs are the kinds of work.
var jobs = map[string]func(options) (*job, error){
	"peak":        newPeak,
	"sgemm":       newSGEMM,
	"bmm":         newBMM,
	"zoo":         newZoo,
	"zoo-whole":   newWhole,
	"zoo-bare":    newBare,
	"resnet18":    newResNet,
	"transformer": newTransformer,
}

func main() {
	var o options
	flag.StringVar(&o.work, "work", "", fmt.Sprintf("equal-work, or one of %q", slices.Sorted(maps.Keys(jobs))))
	flag.Float64Var(&o.seconds, "seconds", 2, "length of a run")
	flag.IntVar(&o.cores, "cores", 1, "workers")
	flag.StringVar(&o.architecture, "architecture", "cnn-small", "of a zoo")
	flag.StringVar(&o.activation, "activation", "tanh", "of a zoo")
	flag.StringVar(&o.data, "data", "", "data file")
	flag.IntVar(&o.members, "members", 64, "of a zoo")
	flag.IntVar(&o.channels, "channels", 1, "of a zoo's images")
	flag.IntVar(&o.batch, "batch", 64, "samples of a step")
	flag.IntVar(&o.size, "size", 1024, "of square matrices")
	flag.StringVar(&o.shape, "shape", "1024,8,32,16", "P,M,K,N of batched products")
	flag.IntVar(&o.dim, "dim", 256, "width of a transformer")
	flag.IntVar(&o.depth, "depth", 4, "blocks of a transformer")
	flag.IntVar(&o.sequence, "sequence", 50, "length of a transformer's input")
	flag.IntVar(&o.images, "images", 50_000, "training images of a whole zoo")
	flag.IntVar(&o.epochs, "epochs", 2, "of a whole zoo")
	flag.StringVar(&o.folder, "folder", "", "where equal-work writes")
	flag.Parse()
	do := func() error { return serve(o, os.Stdin, os.Stdout) }
	if o.work == "equal-work" {
		do = func() error { return equalWork(o) }
	}
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, "ours:", err)
		os.Exit(1)
	}
}

// serve answers each command with one JSON line.
func serve(o options, in io.Reader, out io.Writer) error {
	answers := json.NewEncoder(out)
	var j *job
	steps := 0
	for scan := bufio.NewScanner(in); scan.Scan(); {
		var answer map[string]any
		var err error
		switch command := scan.Text(); command {
		case "warm":
			if j, err = newJob(o); err == nil {
				steps, err = calibrate(j, o.seconds)
			}
			if err == nil {
				answer = map[string]any{"setting": j.setting, "versions": map[string]string{"Go": strings.TrimPrefix(runtime.Version(), "go")}}
			}
		case "run":
			if j == nil {
				err = errors.New("run before warm")
				break
			}
			var took float64
			if took, err = timed(j, steps); err == nil {
				answer = map[string]any{"seconds": took, "work": j.work * float64(steps)}
			}
		default:
			err = fmt.Errorf("unknown command %q", command)
		}
		if err != nil {
			answer = map[string]any{"error": err.Error()}
		}
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
	return nil
}

func newJob(o options) (*job, error) {
	runtime.GOMAXPROCS(o.cores)
	f, ok := jobs[o.work]
	if !ok {
		return nil, fmt.Errorf("there is no work %q", o.work)
	}
	return f(o)
}

// timed is the seconds of n steps.
func timed(j *job, n int) (float64, error) {
	start := time.Now()
	seconds, err := j.run(n)
	if seconds == 0 {
		seconds = time.Since(start).Seconds()
	}
	return seconds, err
}

// calibrate finds how many steps take about so many seconds.
func calibrate(j *job, seconds float64) (int, error) {
	for n := 1; ; {
		took, err := timed(j, n)
		if err != nil {
			return 0, err
		}
		guess := float64(n) * seconds / max(took, 1e-6)
		if took >= seconds/8 {
			return max(1, int(guess+0.5)), nil
		}
		n = max(2*n, min(16*n, int(guess/4)))
	}
}
