package device_test

import (
	"testing"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// Costs are those of the definitions, for shapes where they can be counted by hand.
func TestCosts(t *testing.T) {
	w := device.Window{C: 4, H: 5, W: 6, N: 7, KH: 3, KW: 2, StrideH: 2, StrideW: 1, PadH: 1, DilationH: 1, DilationW: 1}
	if w.OH() != 3 || w.OW() != 5 || w.In() != 840 {
		t.Fatalf("%d x %d of %d", w.OH(), w.OW(), w.In())
	}
	attention := device.Attention{B: 2, T: 3, S: 5, Heads: 2, Dim: 4}
	for _, c := range []struct {
		k               device.Kernel
		flops, elements int64
	}{
		{device.Unary{N: 10}, 10, 20},
		{device.ActivationGrad{N: 10}, 30, 40},
		{device.Binary{A: tensor.Shape{2, 3}, B: tensor.Shape{3}, Out: tensor.Shape{2, 3}}, 6, 15},
		{device.Affine{N: 10}, 20, 20},
		{device.Fill{N: 10}, 0, 10},
		{device.Dropout{Samples: 2, Features: 5}, 10, 20},
		{device.Copy{Outer: 2, Inner: 3, FromExtent: 5, ToExtent: 4, Count: 2}, 0, 24},
		{device.Copy{Outer: 2, Inner: 3, FromExtent: 2, ToExtent: 4, Count: 2, Zero: true}, 0, 48},
		{device.Concat{Outer: 2, Inner: 3, Extents: []int{1, 4}}, 0, 60},
		{device.Transpose{In: tensor.Shape{2, 5}, Perm: []int{1, 0}}, 0, 20},
		{device.Reduce{Outer: 2, Extent: 3, Inner: 5}, 30, 40},
		{device.Expand{Outer: 2, Extent: 3, Inner: 5}, 30, 40},
		{device.Cumsum{Outer: 2, Extent: 3, Inner: 5}, 30, 60},
		{device.LinearScan{Outer: 2, T: 3, Inner: 5}, 60, 90},
		{device.LinearScanGrad{Outer: 2, T: 3, Inner: 5}, 90, 150},
		{device.Matmul{Batch: 2, M: 3, N: 4, K: 5}, 240, 30 + 40 + 24},
		{device.Matmul{Batch: 2, M: 3, N: 4, K: 5, SharedA: true}, 240, 15 + 40 + 24},
		{device.Matmul{Batch: 2, M: 3, N: 4, K: 5, SharedB: true}, 240, 30 + 20 + 24},
		{device.Conv2D{Window: w, O: 6, Groups: 2}, 2 * 6 * 3 * 5 * 7 * 2 * 6, 6*3*5*7 + 840 + 6*2*6},
		{device.Pool{Window: w}, 4 * 3 * 5 * 7 * 6, 4*3*5*7 + 840},
		{device.BatchNorm{C: 2, L: 5}, 60, 30},
		{device.BatchNormGrad{C: 2, L: 5}, 90, 50},
		{device.RunningStats{C: 2}, 12, 8},
		{device.ChannelAffine{C: 2, L: 5}, 20, 20},
		{device.LayerNorm{M: 2, N: 5}, 60, 20},
		{device.LayerNormGrad{M: 2, N: 5}, 90, 30},
		{device.RMSNorm{M: 2, N: 5}, 40, 20},
		{device.RMSNormGrad{M: 2, N: 5}, 70, 30},
		{device.Softmax{Outer: 2, Extent: 5, Inner: 1}, 50, 20},
		{device.SoftmaxGrad{Outer: 2, Extent: 5, Inner: 1}, 40, 30},
		{device.CrossEntropy{Samples: 2, Classes: 5}, 50, 20},
		{device.SoftCrossEntropy{Samples: 2, Classes: 5}, 60, 30},
		{attention, 4*60*4 + 5*60, 60 + 2*(6+10)*8},
		{device.AttentionGrad{Attention: attention}, 2 * (4*60*4 + 5*60), 2 * (60 + 2*(6+10)*8)},
		{device.Gather{Rows: 9, D: 2, N: 5}, 0, 20},
		{device.ScatterAdd{Rows: 9, D: 2, N: 5}, 10, 38},
		{device.Segment{N: 5, D: 2, Segments: 3}, 10, 16},
		{device.SegmentGrad{N: 5, D: 2, Segments: 3}, 10, 16},
		{device.SpMM{Rows: 4, Cols: 3, NNZ: 5, D: 2}, 20, 10 + 8 + 15},
		{device.SDDMM{Rows: 4, Cols: 3, NNZ: 5, D: 2}, 20, 25},
		{device.OneHot{N: 5, Classes: 3}, 0, 20},
	} {
		if f, e := c.k.Cost(); f != c.flops || e != c.elements {
			t.Errorf("%T: %d operations on %d elements, want %d on %d", c.k, f, e, c.flops, c.elements)
		}
	}
	p := device.Program{Instrs: []device.Instr{{Kernel: device.Affine{N: 10}}, {Kernel: device.Unary{N: 5}}}}
	if f, e := p.Cost(); f != 25 || e != 30 {
		t.Errorf("program: %d on %d", f, e)
	}
	if s := device.Funcs.String(); s != "unknown" {
		t.Errorf("%s", s)
	}
}
