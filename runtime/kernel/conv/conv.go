package conv

import "errors"

// Conv2D is the shape of a 2-D convolution: x [C, H, W, N], weights [O, C/Groups, KH, KW], bias
// [O], y [O, OH, OW, N]. A 1-D convolution has H = KH = 1.
type Conv2D struct {
	C, H, W, N           int // input channels, rows, columns, samples
	O, KH, KW            int // output channels, kernel rows and columns
	StrideH, StrideW     int
	PadH, PadW           int // zero rows and columns at either side
	DilationH, DilationW int
	Groups               int
}

// limit bounds every number of a shape, and sizes by its square, so that no index overflows.
const limit = 1 << 24

// Check fails if a number of the shape is out of range, if channels do not divide by groups,
// or if the kernel does not fit into the padded image.
func (c Conv2D) Check() error {
	for _, n := range []int{c.C, c.H, c.W, c.N, c.O, c.KH, c.KW, c.StrideH, c.StrideW, c.DilationH, c.DilationW, c.Groups} {
		if n < 1 || n > limit {
			return errors.New("convolution: sizes, strides, dilations and groups must be between 1 and 2^24")
		}
	}
	if c.PadH < 0 || c.PadW < 0 || c.PadH > limit || c.PadW > limit {
		return errors.New("convolution: padding must be between 0 and 2^24")
	}
	if c.C%c.Groups != 0 || c.O%c.Groups != 0 {
		return errors.New("convolution: channels must be multiples of groups")
	}
	if c.OH() < 1 || c.OW() < 1 {
		return errors.New("convolution: kernel is larger than the padded image")
	}
	for _, s := range [][]int{{c.C, c.H, c.W, c.N}, {c.O, c.OH(), c.OW(), c.N}, {c.O, c.C / c.Groups, c.KH, c.KW}} {
		if !bounded(s) {
			return errors.New("convolution: a tensor has more than 2^40 elements")
		}
	}
	return nil
}

// bounded says whether the product of positive numbers is at most 2^40.
func bounded(s []int) bool {
	p := 1
	for _, n := range s {
		if n > 1<<40/p {
			return false
		}
		p *= n
	}
	return true
}

// OH is the number of output rows.
func (c Conv2D) OH() int { return outSize(c.H, c.KH, c.StrideH, c.PadH, c.DilationH) }

// OW is the number of output columns.
func (c Conv2D) OW() int { return outSize(c.W, c.KW, c.StrideW, c.PadW, c.DilationW) }

// outSize is PyTorch's formula; it is below one if the kernel does not fit.
func outSize(in, kernel, stride, pad, dilation int) int {
	span := in + 2*pad - dilation*(kernel-1) - 1
	if span < 0 {
		return 0
	}
	return span/stride + 1
}

// XSize is the number of elements of x and of its gradient.
func (c Conv2D) XSize() int { return c.C * c.H * c.W * c.N }

// YSize is the number of elements of y and of its gradient.
func (c Conv2D) YSize() int { return c.O * c.OH() * c.OW() * c.N }

// WSize is the number of weights.
func (c Conv2D) WSize() int { return c.O * c.C / c.Groups * c.KH * c.KW }

// FLOPs counts a multiply-add as two, for every tap inside the image: what one of the forward
// pass, the gradient of x and the gradient of the weights costs.
func (c Conv2D) FLOPs() float64 {
	rows, cols := 0, 0
	for _, t := range forwardTaps(c.H, c.OH(), c.KH, c.StrideH, c.PadH, c.DilationH) {
		rows += t.n
	}
	for _, t := range forwardTaps(c.W, c.OW(), c.KW, c.StrideW, c.PadW, c.DilationW) {
		cols += t.n
	}
	return 2 * float64(rows) * float64(cols) * float64(c.O) * float64(c.C/c.Groups) * float64(c.N)
}
