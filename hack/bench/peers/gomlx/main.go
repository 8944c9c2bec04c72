// Command gomlx is the peer "gomlx's Go backend" of the batched products: P x ([M, K] by [K, N]),
// float32, one worker. The faster of the backend's two algorithms is measured. It speaks the line
// protocol of ../common.py.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/backends/simplego"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/shapes"
)

func main() {
	shape := flag.String("shape", "1024,8,32,16", "P,M,K,N")
	seconds := flag.Float64("seconds", 2, "length of a run")
	cores := flag.Int("cores", 1, "workers")
	flag.Parse()
	runtime.GOMAXPROCS(*cores)
	answers := json.NewEncoder(os.Stdout)
	os.Stdout = os.Stderr // the backend prints what it was configured to
	var run func(n int) error
	var work float64
	steps := 1
	for scan := bufio.NewScanner(os.Stdin); scan.Scan(); {
		var err error
		var answer any
		switch scan.Text() {
		case "warm":
			var setting string
			run, work, setting, err = prepare(*shape)
			if err == nil {
				if _, err = timed(run, 10); err == nil {
					var took float64
					took, err = timed(run, 100)
					steps = max(1, int(100**seconds/took))
				}
			}
			answer = map[string]any{"setting": setting, "versions": map[string]string{"gomlx": version()}}
		case "run":
			var took float64
			took, err = timed(run, steps)
			answer = map[string]any{"seconds": took, "work": work * float64(steps)}
		}
		if err != nil {
			answer = map[string]any{"error": err.Error()}
		}
		if err := answers.Encode(answer); err != nil {
			os.Exit(1)
		}
	}
}

func timed(run func(n int) error, n int) (float64, error) {
	start := time.Now()
	err := run(n)
	return time.Since(start).Seconds(), err
}

// prepare builds the product for both algorithms and keeps the faster one.
func prepare(shape string) (run func(n int) error, work float64, setting string, err error) {
	var p, m, k, n int
	if _, err := fmt.Sscanf(shape, "%d,%d,%d,%d", &p, &m, &k, &n); err != nil {
		return nil, 0, "", err
	}
	fastest := 0.0
	for _, algorithm := range []string{"dotgeneral_small", "dotgeneral_large"} {
		f, err := build("parallelism=1,ops_sequential,"+algorithm, p, m, k, n)
		if err != nil {
			return nil, 0, "", err
		}
		if _, err := timed(f, 5); err != nil {
			return nil, 0, "", err
		}
		took, err := timed(f, 50)
		if err != nil {
			return nil, 0, "", err
		}
		if run == nil || took < fastest {
			run, fastest, setting = f, took, algorithm
		}
	}
	return run, 2 * float64(p) * float64(m) * float64(k) * float64(n) / 1e9, setting, nil
}

// build compiles one batched product and gives it operands.
func build(config string, p, m, k, n int) (func(n int) error, error) {
	b, err := simplego.New(config)
	if err != nil {
		return nil, err
	}
	g := b.Builder("bmm")
	shapeA, shapeB := shapes.Make(dtypes.Float32, p, m, k), shapes.Make(dtypes.Float32, p, k, n)
	x, err := g.Parameter("a", shapeA, nil)
	if err != nil {
		return nil, err
	}
	y, err := g.Parameter("b", shapeB, nil)
	if err != nil {
		return nil, err
	}
	z, err := g.DotGeneral(x, []int{2}, []int{0}, y, []int{1}, []int{0})
	if err != nil {
		return nil, err
	}
	e, err := g.Compile([]backends.Op{z}, nil)
	if err != nil {
		return nil, err
	}
	inputs := make([]backends.Buffer, 2)
	for i, s := range []shapes.Shape{shapeA, shapeB} {
		if inputs[i], err = b.BufferFromFlatData(0, random(s.Size()), s); err != nil {
			return nil, err
		}
	}
	return func(n int) error {
		for range n {
			out, err := e.Execute(inputs, nil, 0)
			if err != nil {
				return err
			}
			if err := b.BufferFinalize(out[0]); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

func random(n int) []float32 {
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, n)
	for i := range x {
		x[i] = r.Float32() - 0.5
	}
	return x
}

// version is the module's.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range info.Deps {
		if m.Path == "github.com/gomlx/gomlx" {
			return m.Version
		}
	}
	return "unknown"
}
