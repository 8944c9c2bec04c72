package torchzip

import (
	"archive/zip"
	"bytes"
	"cmp"
	"compress/flate"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"

	"github.com/weightspace/weightspace/runtime/pickle"
)

// archive is an opened zip file.
type archive struct {
	b       []byte
	o       *Options
	entries map[string]*zip.File
	// inflated counts what deflated entries took so far.
	inflated int64
}

// maxDeflateRatio is the most that deflate expands to: a longer entry is a lie.
const maxDeflateRatio = 1032

func decodeZip(b []byte, o *Options) (*File, error) {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrZip, err)
	}
	a := &archive{b: b, o: o, entries: make(map[string]*zip.File, len(z.File))}
	root, err := a.list(z.File)
	if err != nil {
		return nil, err
	}
	if order, ok := a.entries[root+"byteorder"]; ok {
		text, err := a.read(order)
		if err != nil {
			return nil, err
		}
		if string(text) != "little" {
			return nil, fmt.Errorf("%w: byte order %.20q", ErrUnsupported, text)
		}
	}
	main := a.entries[root+"data.pkl"]
	if main.UncompressedSize64 > uint64(o.MaxPickle) {
		return nil, fmt.Errorf("%w: a pickle of %d bytes, at most %d are read", ErrTooLarge, main.UncompressedSize64, o.MaxPickle)
	}
	text, err := a.read(main)
	if err != nil {
		return nil, err
	}
	r := &reader{o: o, budget: copyBudget(len(b))}
	r.load = func(s *storage) error {
		entry, ok := a.entries[root+"data/"+s.key]
		if !ok {
			return fmt.Errorf("%w: %.80q", ErrEntry, root+"data/"+s.key)
		}
		data, err := a.read(entry)
		if err != nil {
			return err
		}
		return s.fill(data)
	}
	v, n, err := pickle.Decode(text, r.options())
	if err == nil && n != len(text) {
		err = fmt.Errorf("%w: %d bytes after the end of data.pkl", ErrFormat, len(text)-n)
	}
	if err != nil {
		return nil, err
	}
	return &File{Value: v}, r.resolve()
}

// list checks the directory and finds the folder that everything is in.
func (a *archive) list(files []*zip.File) (root string, err error) {
	type span struct{ from, to int64 }
	spans := make([]span, 0, len(files))
	for _, f := range files {
		if _, twice := a.entries[f.Name]; twice {
			return "", fmt.Errorf("%w: %.80q is there twice", ErrEntry, f.Name)
		}
		a.entries[f.Name] = f
		if at := strings.TrimSuffix(f.Name, "data.pkl"); at != f.Name && strings.Count(at, "/") == 1 && strings.HasSuffix(at, "/") {
			if root != "" {
				return "", fmt.Errorf("%w: %.80q and %.80q", ErrEntry, root+"data.pkl", f.Name)
			}
			root = at
		}
		from, err := f.DataOffset()
		if err != nil {
			return "", fmt.Errorf("%w: entry %.80q: %w", ErrZip, f.Name, err)
		}
		size := f.CompressedSize64
		if from < 0 || from > int64(len(a.b)) || size > uint64(int64(len(a.b))-from) {
			return "", fmt.Errorf("%w: entry %.80q: bytes %d+%d of a file of %d", ErrZip, f.Name, from, size, len(a.b))
		}
		spans = append(spans, span{from, from + int64(size)})
	}
	slices.SortFunc(spans, func(x, y span) int { return cmp.Compare(x.from, y.from) })
	for i := 1; i < len(spans); i++ {
		if spans[i].from < spans[i-1].to {
			return "", fmt.Errorf("%w: two at byte %d", ErrOverlap, spans[i].from)
		}
	}
	if root == "" {
		return "", fmt.Errorf("%w: data.pkl in a folder; is it a file of torch.save?", ErrEntry)
	}
	if _, script := a.entries[root+"constants.pkl"]; script {
		return "", fmt.Errorf("%w: TorchScript; save the state dict with torch.save(module.state_dict(), path)", ErrUnsupported)
	}
	return root, nil
}

// read returns an entry's bytes: a part of the file when it is stored.
func (a *archive) read(f *zip.File) ([]byte, error) {
	from, err := f.DataOffset()
	if err != nil {
		return nil, fmt.Errorf("%w: entry %.80q: %w", ErrZip, f.Name, err)
	}
	raw := a.b[from : from+int64(f.CompressedSize64) : from+int64(f.CompressedSize64)]
	switch f.Method {
	case zip.Store:
		if f.UncompressedSize64 != f.CompressedSize64 {
			return nil, fmt.Errorf("%w: entry %.80q is stored with two sizes", ErrZip, f.Name)
		}
	case zip.Deflate:
		if raw, err = a.inflate(f, raw); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("%w: entry %.80q: compression method %d", ErrUnsupported, f.Name, f.Method)
	}
	// PyTorch writes 0 when it was told not to compute checksums.
	if f.CRC32 != 0 && crc32.ChecksumIEEE(raw) != f.CRC32 {
		return nil, fmt.Errorf("%w: %.80q", ErrChecksum, f.Name)
	}
	return raw, nil
}

// inflate unpacks an entry, never past the size it announces.
func (a *archive) inflate(f *zip.File, raw []byte) ([]byte, error) {
	size := f.UncompressedSize64
	if size > uint64(len(raw))*maxDeflateRatio+64 {
		return nil, fmt.Errorf("%w: entry %.80q announces %d bytes in %d, which deflate cannot hold", ErrTooLarge, f.Name, size, len(raw))
	}
	if a.inflated += int64(size); a.inflated > a.o.MaxInflated {
		return nil, fmt.Errorf("%w: deflated entries of more than %d bytes", ErrTooLarge, a.o.MaxInflated)
	}
	r := flate.NewReader(bytes.NewReader(raw))
	defer r.Close()
	var out bytes.Buffer
	n, err := io.Copy(&out, io.LimitReader(r, int64(size)+1))
	if err != nil {
		return nil, fmt.Errorf("%w: entry %.80q: %w", ErrZip, f.Name, err)
	}
	if uint64(n) != size {
		return nil, fmt.Errorf("%w: entry %.80q has %d bytes or more, not %d", ErrZip, f.Name, n, size)
	}
	return out.Bytes(), nil
}
