package gemm

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"

	"github.com/weightspace/weightspace/runtime/check"
)

// fenced returns n floats that end where readable memory ends.
func fenced(t *testing.T, n int) []float32 {
	t.Helper()
	page := syscall.Getpagesize()
	size := roundUp(n*word, page)
	m, err := syscall.Mmap(-1, 0, size+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(m); err != nil {
			t.Error(err)
		}
	})
	if err := syscall.Mprotect(m[size:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(m))), size/word)[size/word-n:]
}

// Kernels read nothing behind a matrix: every operand ends at a page that may not be touched.
func TestFence(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for i := range 300 {
		s := Shape{TransA: i&1 != 0, TransB: i&2 != 0, M: 1 + r.IntN(30), N: 1 + r.IntN(70), K: 1 + r.IntN(40)}
		p := newProblem(r, s, r.IntN(3), starts[r.IntN(4)])
		want := p.naive()
		for _, x := range []*[]float32{&p.a, &p.b, &p.c, &p.opt.RowBias, &p.opt.ColBias} {
			if *x != nil {
				y := fenced(t, len(*x))
				copy(y, *x)
				*x = y
			}
		}
		old := append([]float32(nil), p.c...)
		for _, k := range levels(t)[1:] {
			copy(p.c, old)
			plan := k.Plan(s)
			k.Gemm(s, p.c, p.ldc, p.a, p.lda, p.b, p.ldb, p.opt, fenced(t, plan.Scratch()))
			if j := check.FirstDifference(p.c, want); j >= 0 {
				t.Fatalf("%s: %s: element %d is %v, want %v", k.Level(), p, j, p.c[j], want[j])
			}
		}
	}
}
