package conv

import (
	"errors"
	"unsafe"
)

// Pool2D is the shape of a pooling: x [C, H, W, N], y [C, OH, OW, N].
//
// The maximum of a window is its first greatest element inside the image in the order (ky, kx);
// a NaN is greater than anything, an earlier NaN included. The average is the sum of the elements inside the image, in
// the same order from zero, divided by KH*KW: padding counts, as is PyTorch's default. Gradients
// are added in the order of windows.
type Pool2D struct {
	C, H, W, N       int
	KH, KW           int // window
	StrideH, StrideW int
	PadH, PadW       int // at most half of the window
}

// GlobalPool is the pooling over whole images.
func GlobalPool(c, h, w, n int) Pool2D {
	return Pool2D{C: c, H: h, W: w, N: n, KH: h, KW: w, StrideH: 1, StrideW: 1}
}

// conv is a convolution with the same geometry.
func (p Pool2D) conv() Conv2D {
	return Conv2D{
		C: p.C, H: p.H, W: p.W, N: p.N, O: p.C, KH: p.KH, KW: p.KW, StrideH: p.StrideH, StrideW: p.StrideW,
		PadH: p.PadH, PadW: p.PadW, DilationH: 1, DilationW: 1, Groups: p.C,
	}
}

// Check fails if a number of the shape is out of range, if padding is more than half of the
// window, or if the window does not fit into the padded image.
func (p Pool2D) Check() error {
	if 2*p.PadH > p.KH || 2*p.PadW > p.KW {
		return errors.New("pooling: padding must be at most half of the window")
	}
	return p.conv().Check()
}

// OH is the number of output rows.
func (p Pool2D) OH() int { return outSize(p.H, p.KH, p.StrideH, p.PadH, 1) }

// OW is the number of output columns.
func (p Pool2D) OW() int { return outSize(p.W, p.KW, p.StrideW, p.PadW, 1) }

// XSize is the number of elements of x and of its gradient.
func (p Pool2D) XSize() int { return p.C * p.H * p.W * p.N }

// YSize is the number of elements of y and of its gradient.
func (p Pool2D) YSize() int { return p.C * p.OH() * p.OW() * p.N }

// poolArgs are the arguments of a pooling kernel; the generator has the same list. Steps are in
// bytes. xB and xA are jumps from where the loop inside left off.
type poolArgs struct {
	x, y, dx       unsafe.Pointer
	xB, xA, xP, yP int // column and row of a window; position
	nA, nB, nP, nV int // rows, columns, positions, vectors
	count          int // bits of a float32
	last, rest     *laneMask
	_              [4]int // of the kernel
}
