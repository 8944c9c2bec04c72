package torchzip

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"

	"github.com/weightspace/weightspace/runtime/artifact"
)

// alignment of an entry's data, as in PyTorch, so that a file can be mapped.
const alignment = 64

// classes are the storage classes of what is written.
var classes = map[artifact.DType]string{
	artifact.F64: "DoubleStorage", artifact.F32: "FloatStorage", artifact.F16: "HalfStorage", artifact.BF16: "BFloat16Storage",
	artifact.I64: "LongStorage", artifact.I32: "IntStorage", artifact.I16: "ShortStorage", artifact.I8: "CharStorage",
	artifact.U8: "ByteStorage", artifact.Bool: "BoolStorage",
}

// EncodeStateDict returns the file that torch.save(OrderedDict(tensors), path) would write, in their
// order; torch.load(path, weights_only=True) reads it. Equal tensors give equal bytes.
func EncodeStateDict(tensors []artifact.Tensor) ([]byte, error) {
	var p bytes.Buffer
	if err := encodePickle(&p, tensors); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	size := 4096 + p.Len()
	for _, t := range tensors {
		size += len(t.Data) + 512
	}
	out.Grow(size)
	w := &zipWriter{out: &out}
	w.z = zip.NewWriter(&out)
	w.add("data.pkl", p.Bytes())
	w.add("byteorder", []byte("little"))
	for i, t := range tensors {
		w.add("data/"+strconv.Itoa(i), t.Data)
	}
	w.add("version", []byte("3\n"))
	if w.err == nil {
		w.err = w.z.Close()
	}
	return out.Bytes(), w.err
}

// WriteStateDict writes EncodeStateDict's bytes.
func WriteStateDict(w io.Writer, tensors []artifact.Tensor) error {
	b, err := EncodeStateDict(tensors)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

type zipWriter struct {
	z   *zip.Writer
	out *bytes.Buffer
	err error
}

// add stores an entry whose data begin at a multiple of alignment.
func (w *zipWriter) add(name string, data []byte) {
	if w.err != nil {
		return
	}
	if w.err = w.z.Flush(); w.err != nil {
		return
	}
	name = "archive/" + name
	const header, fieldHead = 30, 4
	at := w.out.Len() + header + len(name) + fieldHead
	pad := (alignment - at%alignment) % alignment
	extra := append([]byte{'F', 'B'}, byte(pad), byte(pad>>8))
	extra = append(extra, bytes.Repeat([]byte{'Z'}, pad)...)
	f, err := w.z.CreateRaw(&zip.FileHeader{
		Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(data), Extra: extra,
		CompressedSize64: uint64(len(data)), UncompressedSize64: uint64(len(data)),
	})
	if err == nil {
		_, err = f.Write(data)
	}
	w.err = err
}

// encodePickle writes the OrderedDict with opcodes of protocol 2.
func encodePickle(b *bytes.Buffer, tensors []artifact.Tensor) error {
	b.WriteString("\x80\x02ccollections\nOrderedDict\n)R(")
	seen := map[string]bool{}
	for i, t := range tensors {
		numel := 1
		for _, n := range t.Shape {
			numel *= n
		}
		class, ok := classes[t.DType]
		switch {
		case !ok || numel*t.DType.Size() != len(t.Data):
			return fmt.Errorf("torch file: tensor %q: %d bytes for %s %v", t.Name, len(t.Data), t.DType, t.Shape)
		case seen[t.Name]:
			return fmt.Errorf("torch file: tensor %q is there twice", t.Name)
		}
		seen[t.Name] = true
		writeText(b, t.Name)
		b.WriteString("ctorch._utils\n_rebuild_tensor_v2\n((")
		writeText(b, "storage")
		b.WriteString("ctorch\n" + class + "\n")
		writeText(b, strconv.Itoa(i))
		writeText(b, "cpu")
		writeInt(b, numel)
		b.WriteString("tQ")
		writeInt(b, 0)
		writeInts(b, t.Shape)
		strides, s := make([]int, len(t.Shape)), 1
		for d := len(t.Shape) - 1; d >= 0; d-- {
			strides[d] = s
			s *= t.Shape[d]
		}
		writeInts(b, strides)
		b.WriteString("\x89ccollections\nOrderedDict\n)RtR")
	}
	b.WriteString("u.")
	return nil
}

func writeText(b *bytes.Buffer, s string) {
	b.WriteByte('X')
	_ = binary.Write(b, binary.LittleEndian, uint32(len(s))) // a Buffer never fails
	b.WriteString(s)
}

// writeInt writes LONG1, which holds every int.
func writeInt(b *bytes.Buffer, n int) {
	b.WriteString("\x8a\x08")
	_ = binary.Write(b, binary.LittleEndian, int64(n))
}

func writeInts(b *bytes.Buffer, list []int) {
	b.WriteByte('(')
	for _, n := range list {
		writeInt(b, n)
	}
	b.WriteByte('t')
}
