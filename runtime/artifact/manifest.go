package artifact

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
)

// ManifestName is the file that commits an artifact; it is written last.
const ManifestName = "manifest.json"

// ManifestVersion is the version of the manifest's format.
const ManifestVersion = 1

// FileEntry is a file of an artifact.
type FileEntry struct {
	// Path is below the artifact's folder.
	Path string `json:"path"`
	// SHA256 is 64 hexadecimal digits.
	SHA256 string `json:"sha256"`
	// Size in bytes.
	Size int64 `json:"size"`
}

// Manifest lists what an artifact is made of.
type Manifest struct {
	Version int `json:"version"`
	// Kind is Dataset or ModelZoo.
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	// SpecDigest and ResultDigest are "sha256:...".
	SpecDigest   string `json:"specDigest,omitempty"`
	ResultDigest string `json:"resultDigest"`
	// Spec is the frozen plan the artifact was made from.
	Spec json.RawMessage `json:"spec,omitempty"`
	// Versions names formats and arithmetic, such as numerics: n1.
	Versions map[string]string `json:"versions,omitempty"`
	// Facts are a kind's own summary, such as counts.
	Facts json.RawMessage `json:"facts,omitempty"`
	// Files are sorted by path. run.json and timing files are not among them.
	Files []FileEntry `json:"files"`
}

// Digest is "sha256:" and the sha256 of b in hexadecimal.
func Digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Entry describes a file by its content.
func Entry(path string, b []byte) FileEntry {
	sum := sha256.Sum256(b)
	return FileEntry{Path: path, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(b))}
}

// Size is the number of bytes of all files.
func (m *Manifest) Size() int64 {
	n := int64(0)
	for _, f := range m.Files {
		n += f.Size
	}
	return n
}

// File finds an entry by path.
func (m *Manifest) File(path string) (FileEntry, bool) {
	for _, f := range m.Files {
		if f.Path == path {
			return f, true
		}
	}
	return FileEntry{}, false
}

// Encode checks the manifest, sorts its files and returns its canonical bytes.
func (m *Manifest) Encode() ([]byte, error) {
	m.Version = ManifestVersion
	sort.Slice(m.Files, func(i, j int) bool { return m.Files[i].Path < m.Files[j].Path })
	if err := m.check(); err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	return append(b, '\n'), nil
}

// DecodeManifest parses and checks a manifest; unknown fields and newer versions are refused.
func DecodeManifest(b []byte) (*Manifest, error) {
	m := &Manifest{}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(m); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("manifest: data after its end")
	}
	return m, m.check()
}

func (m *Manifest) check() error {
	switch {
	case m.Version < 1 || m.Version > ManifestVersion:
		return fmt.Errorf("manifest: version %d, this release reads up to %d", m.Version, ManifestVersion)
	case m.Kind == "":
		return fmt.Errorf("manifest: kind is empty")
	case !isDigest(m.ResultDigest):
		return fmt.Errorf("manifest: resultDigest %q is not sha256:<64 hexadecimal digits>", m.ResultDigest)
	}
	for i, f := range m.Files {
		if err := CheckPath(f.Path); err != nil {
			return fmt.Errorf("manifest: files[%d] %q: %w", i, f.Path, err)
		}
		if f.Size < 0 || !isDigest("sha256:"+f.SHA256) {
			return fmt.Errorf("manifest: files[%d] %q: size %d or sha256 %q is impossible", i, f.Path, f.Size, f.SHA256)
		}
		if i > 0 && m.Files[i-1].Path >= f.Path {
			return fmt.Errorf("manifest: files[%d] %q: not sorted, or listed twice", i, f.Path)
		}
	}
	return nil
}

func isDigest(s string) bool {
	h, ok := strings.CutPrefix(s, "sha256:")
	if !ok || len(h) != 64 || strings.ToLower(h) != h {
		return false
	}
	_, err := hex.DecodeString(h)
	return err == nil
}

// WriteManifest commits the artifact in folder dir and returns the manifest's digest.
func (s *Store) WriteManifest(ctx context.Context, dir string, m *Manifest) (digest string, err error) {
	b, err := m.Encode()
	if err != nil {
		return "", fmt.Errorf("%s: %w", dir, err)
	}
	if err := s.Put(ctx, dir+"/"+ManifestName, b); err != nil {
		return "", err
	}
	return Digest(b), nil
}

// ReadManifest reads the manifest of the artifact in folder dir, with its digest.
func (s *Store) ReadManifest(ctx context.Context, dir string) (m *Manifest, digest string, err error) {
	path := dir + "/" + ManifestName
	b, err := s.Get(ctx, path)
	if err != nil {
		return nil, "", err
	}
	if m, err = DecodeManifest(b); err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	return m, Digest(b), nil
}

// ErrCorrupt says that a file's content is not what its manifest says.
var ErrCorrupt = fmt.Errorf("content differs from the manifest; it was damaged or overwritten")

// VerifyFile checks size and sha256 of one file of the artifact in folder dir.
func (s *Store) VerifyFile(ctx context.Context, dir string, f FileEntry) error {
	sum, size, err := s.Digest(ctx, dir+"/"+f.Path)
	if err != nil {
		return err
	}
	if sum != f.SHA256 || size != f.Size {
		return &Error{Op: "verify", Path: dir + "/" + f.Path, Kind: ErrCorrupt, Err: fmt.Errorf("%d bytes, sha256 %s; the manifest says %d, %s", size, sum, f.Size, f.SHA256)}
	}
	return nil
}

// GetVerified reads a file of the artifact in folder dir and checks it.
func (s *Store) GetVerified(ctx context.Context, dir string, f FileEntry) ([]byte, error) {
	b, err := s.Get(ctx, dir+"/"+f.Path)
	if err != nil {
		return nil, err
	}
	if got := Entry(f.Path, b); got != f {
		return nil, &Error{Op: "verify", Path: dir + "/" + f.Path, Kind: ErrCorrupt, Err: fmt.Errorf("%d bytes, sha256 %s; the manifest says %d, %s", got.Size, got.SHA256, f.Size, f.SHA256)}
	}
	return b, nil
}

// Verify checks every file of the artifact in folder dir.
func (s *Store) Verify(ctx context.Context, dir string, m *Manifest) error {
	for _, f := range m.Files {
		if err := s.VerifyFile(ctx, dir, f); err != nil {
			return err
		}
	}
	return nil
}
