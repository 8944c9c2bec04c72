package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// caPath is where the CA bundle lies in an image.
const caPath = "etc/ssl/certs/ca-certificates.crt"

// file is an entry of a layer; data nil makes a folder.
type file struct {
	path string
	mode int64
	data []byte
}

// baseFiles are what a static program expects of a system: users, a temporary folder, CA
// certificates, and our licence.
func baseFiles(opt options) ([]file, error) {
	files := []file{
		{"etc", 0o755, nil},
		{"etc/group", 0o644, fmt.Appendf(nil, "root:x:0:\nnonroot:x:%d:\n", user)},
		{"etc/passwd", 0o644, fmt.Appendf(nil, "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:%d:%d:nonroot:/tmp:/sbin/nologin\n", user, user)},
		{"etc/ssl", 0o755, nil},
		{"etc/ssl/certs", 0o755, nil},
		{"tmp", 0o1777, nil},
	}
	optional := []struct{ from, to string }{
		{opt.caFile, caPath},
		{filepath.Join(opt.root, "LICENSE"), "LICENSE"},
		{filepath.Join(opt.root, "NOTICE"), "NOTICE"},
	}
	for _, o := range optional {
		data, err := os.ReadFile(o.from)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read %s for the image: %w", path.Base(o.to), err)
		}
		files = append(files, file{o.to, 0o644, data})
	}
	return files, nil
}

// layer packs files, owned by root and dated epoch, into a gzip-compressed OCI layer.
func layer(files []file) (v1.Layer, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range files {
		h := &tar.Header{Name: f.path, Mode: f.mode, ModTime: epoch, Typeflag: tar.TypeReg, Size: int64(len(f.data)), Format: tar.FormatUSTAR}
		if f.data == nil {
			h.Typeflag, h.Name = tar.TypeDir, f.path+"/"
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("entry %s: %w", f.path, err)
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, fmt.Errorf("entry %s: %w", f.path, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("close the layer: %w", err)
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buf.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer),
		tarball.WithCompressionLevel(gzip.BestCompression), tarball.WithCompressedCaching)
}
