// Package gridfile reads a grid from a file that a user has: JSON (grid.Schema) or a MATPOWER case,
// either of them compressed with gzip. What it is says the content, not the name.
package gridfile

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/weightspace/weightspace/runtime/grid"
	"github.com/weightspace/weightspace/runtime/grid/matpower"
)

// MaxBytes bounds a file, unpacked.
const MaxBytes = matpower.MaxBytes

// Read reads a grid; file names it in errors. o is for MATPOWER cases, which have no powers of the swing
// equation; warnings say what was passed over.
func Read(file string, b []byte, o matpower.Options) (g *grid.Grid, warnings []string, err error) {
	if len(b) > 1 && b[0] == 0x1f && b[1] == 0x8b {
		if b, err = unpack(b); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	if bytes.HasPrefix(bytes.TrimLeft(b, " \t\r\n"), []byte("{")) {
		if g, err = grid.ParseJSON(b); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", file, err)
		}
	} else {
		c, err := matpower.Read(file, b, matpower.ReadOptions{SkipCode: true})
		if err != nil {
			return nil, nil, err
		}
		warnings = c.Warnings
		if g, err = c.Grid(o); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	if g.Name != "" {
		return g, warnings, nil
	}
	d := g.Data()
	d.Name, _, _ = strings.Cut(path.Base(file), ".")
	g, err = grid.New(d)
	return g, warnings, err
}

func unpack(b []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	out, err := io.ReadAll(io.LimitReader(z, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	if len(out) > MaxBytes {
		return nil, fmt.Errorf("gzip: more than %d bytes unpacked", MaxBytes)
	}
	return out, nil
}
