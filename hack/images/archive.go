package main

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// writeArchive writes one image as a tar file that is an OCI layout (containerd, Podman, kind,
// skopeo) and a Docker archive (docker load) at once. The file appears whole, by rename.
func writeArchive(name, ref string, img v1.Image) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".archive-*")
	if err != nil {
		return fmt.Errorf("write the archive: %w", err)
	}
	defer os.Remove(f.Name())
	err = writeTar(f, ref, img)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Chmod(f.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("write the archive %s: %w", name, err)
	}
	return nil
}

// writeTar writes blobs first, then the indexes that name them.
func writeTar(out io.Writer, ref string, img v1.Image) error {
	w := tar.NewWriter(out)
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	docker := dockerEntry{RepoTags: []string{ref}}
	for _, l := range layers {
		digest, err := l.Digest()
		if err != nil {
			return err
		}
		size, err := l.Size()
		if err != nil {
			return err
		}
		rc, err := l.Compressed()
		if err != nil {
			return err
		}
		err = putReader(w, blob(digest), size, rc)
		if e := rc.Close(); err == nil {
			err = e
		}
		if err != nil {
			return err
		}
		docker.Layers = append(docker.Layers, blob(digest))
	}
	if err := putConfig(w, img, &docker); err != nil {
		return err
	}
	return putIndexes(w, ref, img, docker)
}

// dockerEntry is an image in manifest.json of a Docker archive.
type dockerEntry struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// putConfig writes the config and manifest blobs.
func putConfig(w *tar.Writer, img v1.Image, docker *dockerEntry) error {
	config, err := img.RawConfigFile()
	if err != nil {
		return err
	}
	name, err := img.ConfigName()
	if err != nil {
		return err
	}
	docker.Config = blob(name)
	if err := put(w, blob(name), config); err != nil {
		return err
	}
	manifest, err := img.RawManifest()
	if err != nil {
		return err
	}
	digest, err := img.Digest()
	if err != nil {
		return err
	}
	return put(w, blob(digest), manifest)
}

// putIndexes writes oci-layout, index.json and manifest.json.
func putIndexes(w *tar.Writer, ref string, img v1.Image, docker dockerEntry) error {
	digest, err := img.Digest()
	if err != nil {
		return err
	}
	size, err := img.Size()
	if err != nil {
		return err
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		return err
	}
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{{
		MediaType: types.OCIManifestSchema1, Digest: digest, Size: size,
		Platform: &v1.Platform{OS: cfg.OS, Architecture: cfg.Architecture},
		Annotations: map[string]string{
			"io.containerd.image.name":          ref,
			"org.opencontainers.image.ref.name": ref[strings.LastIndexByte(ref, ':')+1:],
		},
	}}}
	for _, j := range []struct {
		name  string
		value any
	}{
		{"oci-layout", map[string]string{"imageLayoutVersion": "1.0.0"}},
		{"index.json", index},
		{"manifest.json", []dockerEntry{docker}},
	} {
		b, err := json.Marshal(j.value)
		if err != nil {
			return err
		}
		if err := put(w, j.name, b); err != nil {
			return err
		}
	}
	return w.Close()
}

// blob is the path of a blob in an OCI layout.
func blob(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }

func put(w *tar.Writer, name string, data []byte) error {
	return putReader(w, name, int64(len(data)), strings.NewReader(string(data)))
}

func putReader(w *tar.Writer, name string, size int64, r io.Reader) error {
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: size, ModTime: epoch, Format: tar.FormatUSTAR}); err != nil {
		return fmt.Errorf("entry %s: %w", name, err)
	}
	if _, err := io.Copy(w, r); err != nil {
		return fmt.Errorf("entry %s: %w", name, err)
	}
	return nil
}
