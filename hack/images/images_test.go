package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// buildProbe makes a module with one program, as the runtime image of that module.
func buildProbe(t *testing.T, out string) (ref string) {
	t.Helper()
	root := t.TempDir()
	for path, text := range map[string]string{
		"go.mod":                          "module probe\n\ngo 1.26\n",
		"LICENSE":                         "a licence\n",
		"runtime/cmd/weightspace/main.go": "package main\n\nfunc main() { println(\"hello\") }\n",
	} {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ca := filepath.Join(root, "ca.crt")
	if err := os.WriteFile(ca, []byte("certificates\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"-quiet", "-no-sbom", "-root", root, "-out", out, "-ca-file", ca, "-version", "v9", "-repository", "example.org/ws", "runtime"}
	if err := run(t.Context(), args); err != nil {
		t.Fatal(err)
	}
	env, err := os.ReadFile(filepath.Join(out, "images.env"))
	if err != nil {
		t.Fatal(err)
	}
	ref, ok := strings.CutPrefix(strings.TrimSpace(string(env)), "RUNTIME_IMAGE=")
	if !ok {
		t.Fatalf("images.env is %q", env)
	}
	return ref
}

func TestArchiveLoadsAsDockerAndOCI(t *testing.T) {
	out := t.TempDir()
	ref := buildProbe(t, out)
	if !strings.HasPrefix(ref, "example.org/ws/runtime:v9-") {
		t.Errorf("reference is %q", ref)
	}
	archive := filepath.Join(out, "runtime.tar")

	tag, err := name.NewTag(ref)
	if err != nil {
		t.Fatal(err)
	}
	docker, err := tarball.ImageFromPath(archive, &tag)
	if err != nil {
		t.Fatalf("as a Docker archive: %v", err)
	}
	if err := validate.Image(docker); err != nil {
		t.Errorf("as a Docker archive: %v", err)
	}

	folder := t.TempDir()
	untar(t, archive, folder)
	index, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		t.Fatalf("as an OCI layout: %v", err)
	}
	if err := validate.Index(index); err != nil {
		t.Errorf("as an OCI layout: %v", err)
	}
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Manifests[0].Annotations["io.containerd.image.name"]; got != ref {
		t.Errorf("containerd would name the image %q, want %q", got, ref)
	}
	oci, err := index.Image(m.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	checkImage(t, oci)
	if got := strings.TrimPrefix(ref, "example.org/ws/runtime:v9-"); !strings.HasPrefix(m.Manifests[0].Digest.Hex, got) || len(got) != 12 {
		t.Errorf("tag %q does not carry the digest %s", ref, m.Manifests[0].Digest)
	}
}

// checkImage checks user, entry point and files of the image.
func checkImage(t *testing.T, img v1.Image) {
	t.Helper()
	cfg, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Config.User != "65532:65532" {
		t.Errorf("user is %q", cfg.Config.User)
	}
	if got := strings.Join(cfg.Config.Entrypoint, " "); got != "/weightspace" {
		t.Errorf("entry point is %q", got)
	}
	want := map[string]int64{
		"etc/": 0o755, "etc/group": 0o644, "etc/passwd": 0o644, "etc/ssl/": 0o755, "etc/ssl/certs/": 0o755,
		"etc/ssl/certs/ca-certificates.crt": 0o644, "tmp/": 0o1777, "LICENSE": 0o644, "weightspace": 0o755,
	}
	for name, mode := range layerFiles(t, img) {
		if want[name] != mode {
			t.Errorf("file %s has mode %o, want %o", name, mode, want[name])
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("file %s is missing", name)
	}
}

// layerFiles lists the files of all layers with their modes, and checks owner and date.
func layerFiles(t *testing.T, img v1.Image) map[string]int64 {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]int64{}
	for _, l := range layers {
		rc, err := l.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		zr, err := gzip.NewReader(rc)
		if err != nil {
			t.Fatal(err)
		}
		for r := tar.NewReader(zr); ; {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if h.Uid != 0 || h.Gid != 0 || h.ModTime.Unix() != 0 {
				t.Errorf("%s: owner %d:%d, date %v", h.Name, h.Uid, h.Gid, h.ModTime)
			}
			files[h.Name] = h.Mode
		}
		if err := rc.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func TestBuildIsReproducible(t *testing.T) {
	var archives [2][]byte
	for i := range archives {
		out := t.TempDir()
		buildProbe(t, out)
		b, err := os.ReadFile(filepath.Join(out, "runtime.tar"))
		if err != nil {
			t.Fatal(err)
		}
		archives[i] = b
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("two builds of one source in different folders differ")
	}
}

func TestMergeEnvKeepsOtherImages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "images.env")
	for _, lines := range [][]string{{"B_IMAGE=b:1\n"}, {"A_IMAGE=a:1\n"}, {"B_IMAGE=b:2\n"}} {
		if err := mergeEnv(path, lines); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := "A_IMAGE=a:1\nB_IMAGE=b:2\n"; string(got) != want {
		t.Errorf("images.env is %q, want %q", got, want)
	}
}

func TestUnknownImage(t *testing.T) {
	err := run(t.Context(), []string{"-version", "v", "-out", t.TempDir(), "nonesuch"})
	if err == nil || !strings.Contains(err.Error(), "nonesuch") {
		t.Errorf("error is %v, want one that names the image", err)
	}
}

// untar unpacks a flat archive of regular files.
func untar(t *testing.T, archive, folder string) {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		full := filepath.Join(folder, filepath.FromSlash(h.Name))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
