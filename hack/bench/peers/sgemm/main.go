// Command sgemm compares package gemm with OpenBLAS on one core. It starts the program that
// openblas/sgemm.c makes, gives both the same products in turn, and prints medians and their ratio.
//
//	cc -O2 -o sgemm.peer openblas/sgemm.c -lopenblas
//	go build -o sgemm.ours . && taskset -c 1 ./sgemm.ours -peer ./sgemm.peer
//
// Environment variables of OpenBLAS are not passed on, so that it chooses its own kernels.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/weightspace/weightspace/runtime/kernel/gemm"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/kernel/peak"
)

var (
	program = flag.String("peer", "./sgemm.peer", "the program made from openblas/sgemm.c")
	level   = flag.String("isa", "auto", "kernels of ours: auto, avx2 or avx512")
	rounds  = flag.Int("rounds", 7, "runs of each side per shape, in turn")
	work    = flag.Float64("work", 4, "GFLOP per run")
	list    = flag.String("shapes", "", "products instead of the usual ones, like NT512x1024x4096,TN64x64x64")
)

var shapes = []gemm.Shape{
	{M: 512, N: 512, K: 512},
	{TransB: true, M: 512, N: 512, K: 512},
	{TransA: true, M: 512, N: 512, K: 512},
	{M: 1024, N: 1024, K: 1024},
	{TransB: true, M: 1024, N: 1024, K: 1024},
	{TransA: true, M: 1024, N: 1024, K: 1024},
	{M: 2048, N: 2048, K: 2048},
	{M: 1, N: 1024, K: 1024},
	{M: 4, N: 1024, K: 1024},
	{M: 16, N: 1024, K: 1024},
	{TransB: true, M: 16, N: 1024, K: 1024},
	{M: 64, N: 1024, K: 1024},
	{M: 1024, N: 10, K: 1024},
	{M: 1024, N: 64, K: 64},
	{M: 1024, N: 1024, K: 8},
	{TransA: true, M: 64, N: 64, K: 8192},
	{M: 64, N: 64, K: 64},
}

func main() {
	flag.Parse()
	log.SetFlags(0)
	l, err := isa.ParseLevel(*level)
	if err != nil {
		log.Fatal(err)
	}
	ours, err := gemm.New(l)
	if err != nil {
		log.Fatal(err)
	}
	theirs := startPeer()
	limit := peak.FMA(l, time.Second/5)
	fmt.Printf("peer: %s\nours: %s, peak %.0f GFLOP/s\n\n", theirs.line(), l, limit)
	fmt.Println("| form | M x N x K | ours GFLOP/s | of peak | OpenBLAS GFLOP/s | ratio |\n|---|---|---|---|---|---|")
	if *list != "" {
		shapes = parse(*list)
	}
	for _, s := range shapes {
		a, b := measure(ours, s), theirs.measure(s)
		var x, y []float64
		for range *rounds {
			x, y = append(x, a()), append(y, b())
		}
		m, n := median(x), median(y)
		fmt.Printf("| %s%s | %d x %d x %d | %.1f | %.0f %% | %.1f | %.2f |\n", letter(s.TransA), letter(s.TransB), s.M, s.N, s.K, m, 100*m/limit, n, m/n)
	}
}

// parse reads the products of the flag: the letters of A and B, then M x N x K.
func parse(list string) (shapes []gemm.Shape) {
	for text := range strings.SplitSeq(list, ",") {
		var s gemm.Shape
		var a, b rune
		if _, err := fmt.Sscanf(text, "%c%c%dx%dx%d", &a, &b, &s.M, &s.N, &s.K); err != nil {
			log.Fatalf("%s: %v", text, err)
		}
		s.TransA, s.TransB = a == 'T', b == 'T'
		shapes = append(shapes, s)
	}
	return shapes
}

func letter(transposed bool) string {
	if transposed {
		return "T"
	}
	return "N"
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}

// gflop is the size of a product, and how often to repeat it.
func gflop(s gemm.Shape) (each float64, repetitions int) {
	each = 2 * float64(s.M) * float64(s.N) * float64(s.K) / 1e9
	return each, max(1, int(*work/each))
}

// measure prepares our side; each call gives GFLOP/s.
func measure(k *gemm.Kernels, s gemm.Shape) func() float64 {
	a, b, c := matrix(s.M*s.K), matrix(s.K*s.N), matrix(s.M*s.N)
	lda, ldb := s.K, s.N
	if s.TransA {
		lda = s.M
	}
	if s.TransB {
		ldb = s.K
	}
	plan := k.Plan(s)
	scratch := make([]float32, plan.Scratch())
	run := func() { k.Gemm(s, c, s.N, a, lda, b, ldb, gemm.Options[float32]{}, scratch) }
	each, n := gflop(s)
	return func() float64 {
		run()
		start := time.Now()
		for range n {
			run()
		}
		return each * float64(n) / time.Since(start).Seconds()
	}
}

func matrix(n int) []float32 {
	r := rand.New(rand.NewPCG(1, uint64(n))) //nolint:gosec // G404: numbers to multiply, no secret
	x := make([]float32, n)
	for i := range x {
		x[i] = r.Float32() - 0.5
	}
	return x
}

// peer is the running program.
type peer struct {
	in  io.Writer
	out *bufio.Scanner
}

func startPeer() *peer {
	cmd := exec.Command(*program)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "OPENBLAS_") })
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		log.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		log.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		log.Fatal(err)
	}
	return &peer{in, bufio.NewScanner(out)}
}

// line is the next line of the program's output.
func (p *peer) line() string {
	if !p.out.Scan() {
		log.Fatalf("the peer ended: %v", p.out.Err())
	}
	return p.out.Text()
}

// measure prepares the peer's side; each call gives GFLOP/s.
func (p *peer) measure(s gemm.Shape) func() float64 {
	each, n := gflop(s)
	bit := map[bool]int{true: 1}
	return func() float64 {
		if _, err := fmt.Fprintln(p.in, bit[s.TransA], bit[s.TransB], s.M, s.N, s.K, n); err != nil {
			log.Fatal(err)
		}
		var seconds float64
		if _, err := fmt.Sscan(p.line(), &seconds); err != nil {
			log.Fatal(err)
		}
		return each * float64(n) / seconds
	}
}
