package data

import (
	"encoding/binary"

	"github.com/weightspace/weightspace/runtime/artifact"
)

// maxClasses is the largest number of classes of a data set.
const maxClasses = 1 << 16

// WidenLabels returns labels stored as bytes.
func WidenLabels(b []byte) []uint16 {
	out := make([]uint16, len(b))
	for i, l := range b {
		out[i] = uint16(l)
	}
	return out
}

// labelDType is how labels are stored: a byte each while the classes allow it, else two.
func labelDType(classes int) artifact.DType {
	if classes <= 256 {
		return artifact.U8
	}
	return artifact.U16
}

// encodeLabels returns labels as they are stored and digested: a byte each with up to 256
// classes, else two, little-endian.
func encodeLabels(labels []uint16, classes int) []byte {
	if labelDType(classes) == artifact.U8 {
		out := make([]byte, len(labels))
		for i, l := range labels {
			out[i] = uint8(l)
		}
		return out
	}
	out := make([]byte, 0, 2*len(labels))
	for _, l := range labels {
		out = binary.LittleEndian.AppendUint16(out, l)
	}
	return out
}

// decodeLabels reads a tensor of labels, U8 or U16.
func decodeLabels(t *artifact.Tensor) []uint16 {
	if t.DType == artifact.U8 {
		return WidenLabels(t.Data)
	}
	out := make([]uint16, len(t.Data)/2)
	for i := range out {
		out[i] = binary.LittleEndian.Uint16(t.Data[2*i:])
	}
	return out
}
