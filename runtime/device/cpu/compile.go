package cpu

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/device"
)

// compile finds the steps of an instruction: one for most.
func (d *Device[T]) compile(in device.Instr) ([]step[T], error) {
	switch k := in.Kernel.(type) {
	case device.Reduce:
		return d.reduce(k, in), nil
	case device.LayerNormGrad:
		return d.layerNormGrad(k, in), nil
	case device.RMSNormGrad:
		return d.rmsNormGrad(k, in), nil
	}
	s, err := d.one(in)
	return []step[T]{s}, err
}

// one finds the step of an instruction that needs one.
func (d *Device[T]) one(in device.Instr) (step[T], error) {
	switch k := in.Kernel.(type) {
	case device.Unary:
		return d.unary(k, in)
	case device.ActivationGrad:
		return d.activationGrad(k, in)
	case device.Binary:
		return d.binary(k, in)
	case device.Affine:
		return d.affine(k, in), nil
	case device.Fill:
		return fillStep[T](k, in.Out[0]), nil
	case device.Dropout:
		return d.dropout(k, in), nil
	case device.Copy:
		return copyStep[T](k, in), nil
	case device.Concat:
		return concatStep[T](k, in), nil
	case device.Expand:
		return expandStep[T](k, in), nil
	case device.Transpose:
		return transposeStep[T](k, in), nil
	case device.Matmul:
		return d.matmul(k, in), nil
	case device.Softmax:
		return d.softmax(k, in), nil
	case device.SoftmaxGrad:
		return d.softmaxGrad(k, in), nil
	case device.CrossEntropy:
		return d.crossEntropy(k, in), nil
	case device.SoftCrossEntropy:
		return d.softCrossEntropy(k, in), nil
	case device.Attention:
		return d.attention(k, in), nil
	case device.AttentionGrad:
		return d.attentionGrad(k.Attention, in), nil
	case device.Gather:
		return gatherStep[T](k, in), nil
	case device.ScatterAdd:
		return scatterStep[T](k, in), nil
	case device.Conv2D:
		return d.conv2D(k, in)
	case device.Pool:
		return d.pool(k, in)
	case device.BatchNorm:
		return d.batchNorm(k, in), nil
	case device.BatchNormGrad:
		return d.batchNormGrad(k, in), nil
	case device.RunningStats:
		return runningStats[T](k, in), nil
	case device.ChannelAffine:
		return d.channelAffine(k, in), nil
	case device.LayerNorm:
		return d.layerNorm(k, in), nil
	case device.RMSNorm:
		return d.rmsNorm(k, in), nil
	case device.Cumsum:
		return d.cumsum(k, in), nil
	case device.LinearScan:
		return d.linearScan(k, in), nil
	case device.LinearScanGrad:
		return d.linearScanGrad(k, in), nil
	case device.Segment:
		return d.segment(k, in), nil
	case device.SegmentGrad:
		return d.segmentGrad(k, in), nil
	case device.SpMM:
		return d.spmm(k, in), nil
	case device.SDDMM:
		return d.sddmm(k, in), nil
	case device.OneHot:
		return oneHotStep[T](k, in), nil
	}
	return step[T]{}, fmt.Errorf("no kernel for %T", in.Kernel)
}
